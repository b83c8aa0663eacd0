// SPDX-License-Identifier: Apache-2.0
//
// Runs tests/cases/mapping/*.test. A file holds a TableMappings document, a line ----, and then one expectation a line:
//   public.orders(id, name) => crm.t_orders(id, z)     the table with its columns, mapped
//   public.log(id, day:date) => not selected           with types, where a rule looks at them
//   view public.v(id) => public.v(id)
//   refused => the whole message                       the document itself
// Lines that begin with # are comments.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "mapping/mapping.h"

#ifndef MILLRACE_SOURCE_FOLDER
#define MILLRACE_SOURCE_FOLDER "."
#endif

namespace mapping {
namespace {

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t");
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// "public.orders(id, name)"
model::TableSchema table_of(const std::string& text) {
  model::TableSchema schema;
  const std::size_t dot = text.find('.');
  const std::size_t open = text.find('(');
  schema.name = {text.substr(0, dot), text.substr(dot + 1, open - dot - 1)};
  std::stringstream names(text.substr(open + 1, text.size() - open - 2));
  for (std::string name; std::getline(names, name, ',');) {
    model::Column column;
    column.name = trimmed(name);
    if (const std::size_t colon = column.name.find(':'); colon != std::string::npos) {
      column.type.type = model::type_from_name(column.name.substr(colon + 1)).value_or(model::Type::string);
      column.name.resize(colon);
    }
    schema.columns.push_back(column);
  }
  return schema;
}

std::string mapped_text(const base::Result<Mapping>& mapping, std::string subject) {
  if (!mapping.ok()) return mapping.error().message;
  if (subject == "refused") return "accepted";
  const bool is_view = subject.starts_with("view ");
  if (is_view) subject = subject.substr(5);
  const model::TableSchema schema = table_of(subject);
  if (!mapping->selects(schema.name, is_view)) return "not selected";
  const auto mapped = mapping->map(schema);
  if (!mapped.ok()) return mapped.error().message;
  std::string columns;
  for (const auto& column : mapped->target->columns) columns += (columns.empty() ? "" : ", ") + column.name;
  return mapped->target->name.text() + "(" + columns + ")";
}

void run_case(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string document;
  std::string line;
  while (std::getline(file, line) && line != "----") {
    if (!line.starts_with('#')) document += line + "\n";
  }
  const auto mapping = Mapping::parse(document);
  int expectations = 0;
  while (std::getline(file, line)) {
    const std::size_t arrow = line.find(" => ");
    if (line.starts_with('#') || arrow == std::string::npos) continue;
    ++expectations;
    EXPECT_EQ(mapped_text(mapping, line.substr(0, arrow)), line.substr(arrow + 4)) << path << ": " << line;
  }
  EXPECT_GT(expectations, 0) << path;
}

TEST(MappingCases, all_files) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(MILLRACE_SOURCE_FOLDER "/tests/cases/mapping")) {
    if (entry.path().extension() != ".test") continue;
    run_case(entry.path());
    ++files;
  }
  EXPECT_GE(files, 6);
}

}  // namespace
}  // namespace mapping

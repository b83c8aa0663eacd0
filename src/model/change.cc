// SPDX-License-Identifier: Apache-2.0
#include "model/change.h"

#include <algorithm>
#include <cstring>

namespace model {

std::uint32_t ChangeBatch::table_index(const TableSchemaPtr& table, CellForm form) {
  for (std::uint32_t i = 0; i < tables.size(); ++i) {
    if (forms[i] != form) continue;
    if (tables[i] == table || (tables[i] && table && *tables[i] == *table)) return i;
  }
  tables.push_back(table);
  forms.push_back(form);
  return static_cast<std::uint32_t>(tables.size() - 1);
}

std::int64_t load_fixed(std::string_view cell) {
  std::int64_t value = 0;
  std::memcpy(&value, cell.data(), std::min(cell.size(), sizeof value));
  return value;
}

double load_real(std::string_view cell) {
  double value = 0;
  std::memcpy(&value, cell.data(), std::min(cell.size(), sizeof value));
  return value;
}

void append_fixed(std::string& out, std::int64_t value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void append_real(std::string& out, double value) { out.append(reinterpret_cast<const char*>(&value), sizeof value); }

}  // namespace model

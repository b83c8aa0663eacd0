// SPDX-License-Identifier: Apache-2.0
#include "sim/lake.h"

namespace sim {
namespace {

// Readers of lakes ignore names that begin with a point.
bool is_hidden(const std::string& key) { return file_of(key).starts_with('.'); }

struct Field {
  std::string text;
  bool is_quoted = false;
};

// Lines of fields. A quote within quotes is doubled; what stands in quotes may hold anything.
class Fields {
 public:
  explicit Fields(const std::string& bytes) : bytes_(bytes) {}
  bool is_at_end() const { return at_ == bytes_.size(); }
  // False: the file ends within the line.
  bool next_line(std::vector<Field>& line) {
    line.clear();
    while (true) {
      line.emplace_back();
      if (!next_field(line.back())) return false;
      const char end = bytes_[at_++];
      if (end == '\n') return true;
      if (end != ',') return false;
    }
  }

 private:
  bool next_field(Field& field) {
    if (at_ < bytes_.size() && bytes_[at_] == '"') {
      field.is_quoted = true;
      for (++at_; at_ < bytes_.size(); ++at_) {
        if (bytes_[at_] != '"') {
          field.text += bytes_[at_];
        } else if (at_ + 1 < bytes_.size() && bytes_[at_ + 1] == '"') {
          field.text += bytes_[at_++];
        } else {
          ++at_;
          break;
        }
      }
      return at_ < bytes_.size();
    }
    while (at_ < bytes_.size() && bytes_[at_] != ',' && bytes_[at_] != '\n') field.text += bytes_[at_++];
    return at_ < bytes_.size();
  }
  const std::string& bytes_;
  std::size_t at_ = 0;
};

// Op and names first, the time last.
bool take_row(std::vector<Field>& line, const LakeForm& form, LakeRow& row) {
  std::size_t first = 0;
  if (form.has_op) {
    if (line.size() < 2 || line[0].text.size() != 1) return false;
    row.op = line[first++].text.front();
    if (row.op != 'I' && row.op != 'U' && row.op != 'D') return false;
  }
  if (form.has_names) {
    if (line.size() < first + 3) return false;
    row.table = line[first++].text;
    row.schema = line[first++].text;
  }
  if (line.size() <= first) return false;
  for (std::size_t i = first; i + 1 < line.size(); ++i) {
    LakeCell cell;
    cell.is_null = !line[i].is_quoted && line[i].text == lake_null;
    cell.is_kept = !line[i].is_quoted && line[i].text == lake_kept;
    cell.text = std::move(line[i].text);
    row.cells.push_back(std::move(cell));
  }
  row.time = std::move(line.back().text);
  return true;
}

}  // namespace

std::string file_of(const std::string& key) { return key.substr(key.rfind('/') + 1); }
std::string folder_of(const std::string& key) { return key.substr(0, key.rfind('/') + 1); }

FolderLake::FolderLake(DiskServer& disk, std::string folder) : disk_(disk), folder_(std::move(folder) + "/") {
  disk_.watch = this;
}

std::map<std::string, std::uint64_t> FolderLake::objects(bool certain) const {
  std::map<std::string, std::uint64_t> found;
  for (const auto& [path, number] : disk_.files_below(folder_, certain)) {
    if (!is_hidden(path)) found.emplace(path.substr(folder_.size()), number);
  }
  return found;
}

std::string FolderLake::bytes(const std::string& key, bool certain) const {
  return disk_.content(folder_ + key, certain);
}

// "m.millrace-rows=12", one in a line, in the hidden file beside it.
LakeFacts FolderLake::facts(const std::string& key, bool certain) const {
  const std::string text = disk_.content(folder_ + folder_of(key) + "." + file_of(key) + ".millrace-meta", certain);
  LakeFacts facts;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    const std::size_t equals = line.find('=');
    if (line.starts_with("m.") && equals != std::string::npos)
      facts[line.substr(2, equals - 2)] = line.substr(equals + 1);
    at = end + 1;
  }
  return facts;
}

void FolderLake::came(const std::string& path) {
  if (watch != nullptr && path.starts_with(folder_) && !is_hidden(path)) watch->came(path.substr(folder_.size()));
}

void FolderLake::grew(const std::string& path) {
  if (watch != nullptr && path.starts_with(folder_) && !is_hidden(path)) watch->grew(path.substr(folder_.size()));
}

LakeFile read_lake_file(const std::string& bytes, LakeForm form) {
  LakeFile file;
  Fields fields(bytes);
  std::vector<Field> line;
  if (form.has_header) {
    if (!fields.next_line(line) || line.back().text != lake_time) {
      file.problem = "it has no header";
      return file;
    }
    form.has_op = line.front().text == "Op";
    for (std::size_t i = form.has_op ? 1 : 0; i + 1 < line.size(); ++i) file.columns.push_back(line[i].text);
  }
  while (!fields.is_at_end()) {
    LakeRow row;
    const bool is_whole = fields.next_line(line) && take_row(line, form, row);
    if (!is_whole || (form.has_header && row.cells.size() != file.columns.size())) {
      file.problem = fmt::format("row {} is not whole", file.rows.size() + 1);
      return file;
    }
    file.rows.push_back(std::move(row));
  }
  return file;
}

}  // namespace sim

// SPDX-License-Identifier: Apache-2.0
//
// Aligned columns for a terminal. Add rows of cells, then take the text; the first row is the head. Pure.
#pragma once

#include <string>
#include <vector>

namespace main_program {

class TableText {
 public:
  explicit TableText(std::vector<std::string> head) { rows_.push_back(std::move(head)); }
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  // Two blanks between columns, `indent` blanks before; control characters in cells become '?'.
  std::string text(std::size_t indent = 0) const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace main_program

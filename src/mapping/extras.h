// SPDX-License-Identifier: Apache-2.0
//
// What rules say of a table beside its names and rows: tags of its objects, and functions of its validation. Pure.
#pragma once

#include "mapping/mapping.h"
#include "mapping/rules.h"

namespace mapping {

constexpr std::size_t tag_key_max = 128, tag_value_max = 256;  // characters

// Of the most exact locator, the first of several; placeholders replaced by the source's names.
// mapping.bad_transformation when a tag then holds what S3 does not allow.
base::Result<std::vector<std::pair<std::string, std::string>>> object_tags_of(const RuleSet& rules,
                                                                              const model::TableName& table);

// Of the columns of a mapped table; those of its key have none.
std::map<std::uint32_t, MappedTable::Override> overrides_of(const RuleSet& rules, const model::TableSchema& source,
                                                            const model::TableSchema& target,
                                                            const std::vector<ColumnSource>& sources);

}  // namespace mapping

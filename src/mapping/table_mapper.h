// SPDX-License-Identifier: Apache-2.0
//
// Which transformation rule decides what, and the mapped schema of one table. Pure; any thread; called by Mapping only.
//
// An object gets at most one naming action: of the rules of its target kind that match it, the one with the lowest
// rule-id. Columns: the lowest of the include-column and remove-column rules that match decides; where a table has any
// include-column rule, columns that no rule matches are dropped. Of each other action the lowest rule-id counts, and
// every add-column counts. Added columns come after the source's, in the order of their rule-ids.
#pragma once

#include "mapping/mapping.h"
#include "mapping/rules.h"

namespace mapping {

bool locates(const TransformationRule& rule, const model::TableName& table);
bool locates(const TransformationRule& rule, const model::TableName& table, const model::Column& column);

// nullptr: the object keeps its name.
const TransformationRule* naming_rule(const RuleSet& rules, RuleTarget target, const model::TableName& table);
const TransformationRule* naming_rule(const RuleSet& rules, const model::TableName& table, const model::Column& column);
bool keeps_column(const RuleSet& rules, const model::TableName& table, const model::Column& column);

// Errors as Mapping::map.
base::Result<MappedTable> map_table(const Mapping& mapping, const RuleSet& rules, const model::TableSchema& source);

}  // namespace mapping

// SPDX-License-Identifier: Apache-2.0
//
// Comparison across families (a database and files): the source is read by chunks under one snapshot, decoded, and each
// cell becomes model::cell_text; the target gives the same text. Rows are kept as 128-bit hashes by key, in as many
// passes over both sides as the memory budget asks for, so no order is needed. Tables without a key compare as
// multisets of rows. The task should stand still (or be caught up): rows changing meanwhile count as differences.
#pragma once

#include "engine/validate.h"

namespace engine {

base::Result<ValidationReport::Table> compare_unordered(const PlannedTable& table, const ValidationScope& scope,
                                                        const TaskDefinition& definition, connect::Source& source,
                                                        connect::Comparable& target,
                                                        std::vector<Difference>& differences, std::stop_token stop);

// What rules compute, convert or mask, computed once more from the source's rows and compared with what the target
// holds; between databases of one family, whose other columns are compared in order (validate.h). Without any such
// column nothing is read. `note` names what cannot be compared: it is another value each time.
base::Result<ValidationReport::Table> compare_computed(const PlannedTable& table, const ValidationScope& scope,
                                                       const TaskDefinition& definition, connect::Source& source,
                                                       connect::Comparable& target,
                                                       std::vector<Difference>& differences, std::stop_token stop);

}  // namespace engine

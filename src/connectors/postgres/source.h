// SPDX-License-Identifier: Apache-2.0
//
// A PostgreSQL database as a source: puts catalogue, snapshots, capture and ordered reading together. Made by
// open_source (register.cc), which has connected once; each part opens sessions of its own. Any thread may call.
#pragma once

#include "connect/source.h"
#include "connectors/postgres/capture.h"
#include "connectors/postgres/catalog.h"
#include "connectors/postgres/comparable.h"
#include "connectors/postgres/comparison.h"

namespace postgres {

// "4AF/B00000D0", "00004AF/B00000D0" or a checkpoint string "checkpoint:V1#1#000004AF/B00000D0#0#0#*#0#0".
base::Result<model::Position> parse_lsn_position(std::string_view text);

class Source final : public connect::Source {
 public:
  Source(const ConnectionSettings& settings, const connect::Options& options, const connect::Context& context,
         const DatabaseText& database_text);

  std::string_view family() const override;
  connect::Catalog& catalog() override { return catalog_; }
  base::Result<std::unique_ptr<connect::Snapshot>> snapshot(bool capturing) override;
  connect::Capture* capture() override { return &capture_; }
  connect::Comparable* comparable() override { return &comparable_; }
  std::string position_text(const model::Position& position) const override;
  base::Result<model::Position> parse_position(std::string_view text) const override;
  std::string quote_identifier(std::string_view name) const override;
  std::string quote_literal(std::string_view text) const override;
  model::Comparison comparison(const model::TableSchema& table, const model::Column& column) const override;

 private:
  const ConnectionSettings settings_;
  const connect::Options options_;
  const connect::Context context_;
  const DatabaseText database_text_;
  Catalog catalog_;
  Capture capture_;
  Comparable comparable_;
};

}  // namespace postgres

// SPDX-License-Identifier: Apache-2.0
//
// Text of values and lines of COPY from hostile bytes. The first byte chooses how the value is read; what is accepted
// as a date or a time must lie in range.
#include "connectors/postgres/copy_text.h"

namespace {

struct Collect {
  std::string bytes;
  void add_fixed(std::int64_t) {}
  void add_real(double) {}
  void add_bytes(std::string_view value) { bytes.append(value); }
  char* add_buffer(std::size_t size) {
    bytes.resize(size);
    return bytes.data();
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  Collect sink;
  const auto form = static_cast<postgres::TextForm>(data[0] % (static_cast<int>(postgres::TextForm::hex_bytes) + 1));
  (void)postgres::decode_text(form, text, sink);

  auto table = std::make_shared<model::TableSchema>();
  table->name = {"public", "t"};
  for (const std::uint32_t oid : {25U, 23U, 17U}) {
    model::Column column;
    column.name = "c";
    postgres::canonical_type(oid, -1, 'b', postgres::TypeChoices(), column.type);
    table->columns.push_back(column);
  }
  postgres::CopyTextRows rows(*table, {0, 1, 2}, postgres::TypeChoices());
  model::RowBatch batch(table);
  if (!rows.check(batch).ok() || !rows.add(text, batch).ok()) return 0;
  // A line that was understood is a row, or a rejected one that left nothing behind.
  if (batch.rows + batch.rejected.size() != 1) __builtin_trap();
  for (const model::ColumnVector& column : batch.columns) {
    if (column.present.size() != batch.rows) __builtin_trap();
  }
  return 0;
}

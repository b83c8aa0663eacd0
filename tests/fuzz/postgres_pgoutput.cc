// SPDX-License-Identifier: Apache-2.0
//
// The stream's messages from hostile bytes: a run of messages, each after its size (two bytes, little endian), given to
// the whole reader, decoder and relations included. The first byte chooses form of cells, protocol version and whether
// the session is in binary.
#include <cstring>

#include "connectors/postgres/stream_reader.h"

namespace {

model::TableSchemaPtr table() {
  auto made = std::make_shared<model::TableSchema>();
  made->name = made->source_name = {"public", "t"};
  made->source_id = 16388;
  for (const std::uint32_t oid : {23U, 25U, 1700U, 1114U, 17U, 701U, 16U}) {
    model::Column column;
    column.name = "c" + std::to_string(made->columns.size());
    column.type.native_id = oid;
    postgres::canonical_type(oid, -1, 'b', postgres::TypeChoices(), column.type);
    made->columns.push_back(column);
  }
  return made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto form = (data[0] & 1) != 0 ? model::CellForm::native : model::CellForm::canonical;
  std::optional<postgres::BinaryTypes> types;
  if ((data[0] & 4) != 0) {
    types.emplace([](const std::vector<std::uint32_t>&) -> base::Result<postgres::BinaryTypes::Forms> {
      return postgres::BinaryTypes::Forms();
    });
  }
  postgres::ShapeSources shapes;
  shapes.describe = [](std::uint32_t) -> base::Result<model::TableSchemaPtr> { return model::TableSchemaPtr(); };
  if ((data[0] & 8) != 0) {
    shapes.survey = [](const std::vector<std::uint32_t>& oids) -> base::Result<postgres::Survey> {
      postgres::Survey survey;
      for (const std::uint32_t oid : oids) survey.tables[oid] = {.highest = 3, .columns = {{.ordinal = 1}}};
      return survey;
    };
  }
  postgres::StreamReader reader({table()}, postgres::TypeChoices(), form, shapes, model::Position(),
                                (data[0] & 2) != 0 ? 1 : 2, std::move(types));
  while (rest.size() >= 2) {
    std::uint16_t length = 0;
    std::memcpy(&length, rest.data(), sizeof length);
    const std::string message(rest.substr(2, length));  // a copy: reading behind its end is found
    rest.remove_prefix(2 + message.size());
    if (!reader.take(message).ok() || !reader.look_around(true).ok()) break;
  }
  const model::ChangeBatch batch = reader.take_batch();
  for (const model::Change& change : batch.changes) {
    if (change.table != model::no_table && change.table >= batch.tables.size()) __builtin_trap();
    if (std::size_t{change.new_first} + change.new_count > batch.cells.size()) __builtin_trap();
    if (std::size_t{change.old_first} + change.old_count > batch.cells.size()) __builtin_trap();
  }
  for (const model::Cell& cell : batch.cells) {
    if (cell.state == model::CellState::value && cell.offset + cell.size > batch.bytes.size()) __builtin_trap();
  }
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
#include "mapping/expression.h"

#include <sqlite3.h>

#include <algorithm>
#include <array>

#include "base/json.h"
#include "mapping/errors.h"
#include "mapping/sha256.h"

namespace mapping {
namespace {

using Kind = Value::Kind;

constexpr std::size_t text_bytes_max = 65536;
constexpr int slice_instructions = 1000;
constexpr int slices_max = 2000;  // two million instructions a row
constexpr int value_bytes_max = 256 << 20;

// DMS's own functions, what SQLite calls its operators, and what has no effect outside of its value.
constexpr std::array<std::string_view, 42> functions{
    "abs",    "char",        "coalesce",  "date",       "datetime",  "format",       "glob",
    "hex",    "hash_sha256", "ifnull",    "iif",        "instr",     "julianday",    "length",
    "like",   "lower",       "ltrim",     "max",        "min",       "nullif",       "operation_indicator",
    "printf", "quote",       "random",    "randomblob", "replace",   "replacechars", "round",
    "rtrim",  "sign",        "strftime",  "substr",     "substring", "time",         "trim",
    "typeof", "unicode",     "unixepoch", "upper",      "zeroblob",  "current_date", "current_timestamp"};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

std::string_view bytes_of(sqlite3_value* value) {
  const void* bytes = sqlite3_value_type(value) == SQLITE_BLOB ? sqlite3_value_blob(value) : sqlite3_value_text(value);
  const auto size = static_cast<std::size_t>(sqlite3_value_bytes(value));
  return bytes == nullptr ? std::string_view() : std::string_view(static_cast<const char*>(bytes), size);
}

void hash_sha256(sqlite3_context* context, int, sqlite3_value** arguments) {
  if (sqlite3_value_type(arguments[0]) == SQLITE_NULL) return sqlite3_result_null(context);
  const std::string hex = sha256_hex(bytes_of(arguments[0]));
  sqlite3_result_text(context, hex.data(), static_cast<int>(hex.size()), SQLITE_TRANSIENT);
}

// Each byte of `from` in x becomes the one at its place in `to`, or goes when `to` is shorter.
void replace_chars(sqlite3_context* context, int, sqlite3_value** arguments) {
  for (int i = 0; i < 3; ++i) {
    if (sqlite3_value_type(arguments[i]) == SQLITE_NULL) return sqlite3_result_null(context);
  }
  const std::string_view from = bytes_of(arguments[1]);
  const std::string_view to = bytes_of(arguments[2]);
  std::string out;
  for (const char c : bytes_of(arguments[0])) {
    const std::size_t place = from.find(c);
    if (place == std::string_view::npos) {
      out += c;
    } else if (place < to.size()) {
      out += to[place];
    }
  }
  sqlite3_result_text(context, out.data(), static_cast<int>(out.size()), SQLITE_TRANSIENT);
}

// (for deletes, for updates, for inserts)
void operation_indicator(sqlite3_context* context, int, sqlite3_value** arguments) {
  const auto operation = *static_cast<const RowOperation*>(sqlite3_user_data(context));
  const int place = operation == RowOperation::remove ? 0 : operation == RowOperation::update ? 1 : 2;
  sqlite3_result_value(context, arguments[place]);
}

bool holds_now(std::string_view text) {
  const std::string small = lower(text);
  return small.find("'now'") != std::string::npos || small.find("current_") != std::string::npos;
}

}  // namespace

bool is_closed(std::string_view text) {
  int depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\'' || c == '"' || c == '`') {
      i = text.find(c, i + 1);
      if (i == std::string_view::npos) return false;
    } else if (text.substr(i).starts_with("--") || text.substr(i).starts_with("/*")) {
      return false;
    } else if (c == '(') {
      ++depth;
    } else if (c == ')' && --depth < 0) {
      return false;
    }
  }
  return depth == 0;
}

namespace {

void bind(sqlite3_stmt* statement, int place, const Value& value) {
  const char* bytes = value.bytes.data() == nullptr ? "" : value.bytes.data();
  switch (value.kind) {
    case Kind::null: sqlite3_bind_null(statement, place); return;
    case Kind::integer: sqlite3_bind_int64(statement, place, value.integer); return;
    case Kind::real: sqlite3_bind_double(statement, place, value.real); return;
    case Kind::text:
      sqlite3_bind_text64(statement, place, bytes, value.bytes.size(), SQLITE_STATIC, SQLITE_UTF8);
      return;
    case Kind::blob: sqlite3_bind_blob64(statement, place, bytes, value.bytes.size(), SQLITE_STATIC); return;
  }
}

Value result_of(sqlite3_stmt* statement) {
  Value value;
  const auto size = [&] { return static_cast<std::size_t>(sqlite3_column_bytes(statement, 0)); };
  switch (sqlite3_column_type(statement, 0)) {
    case SQLITE_INTEGER: return Value::of(static_cast<std::int64_t>(sqlite3_column_int64(statement, 0)));
    case SQLITE_FLOAT: return Value::of(sqlite3_column_double(statement, 0));
    case SQLITE_TEXT: {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
      return Value::of(std::string_view(text, size()));
    }
    case SQLITE_BLOB: {
      const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement, 0));
      value.kind = Kind::blob;
      if (bytes != nullptr) value.bytes = std::string_view(bytes, size());
      return value;
    }
    default: return value;
  }
}

}  // namespace

std::span<const std::string_view> expression_functions() { return functions; }

struct ExpressionEngine::Callbacks {
  static int authorize(void* self, int action, const char*, const char* name, const char*, const char*) {
    auto& engine = *static_cast<ExpressionEngine*>(self);
    if (action == SQLITE_SELECT) return SQLITE_OK;
    if (action != SQLITE_FUNCTION) {
      engine.refused_ = "it reads tables or does more than compute a value";
      return SQLITE_DENY;
    }
    const std::string function = lower(name);
    if (std::find(functions.begin(), functions.end(), function) == functions.end()) {
      engine.refused_ = "function " + base::printable(function) + " is not available";
      return SQLITE_DENY;
    }
    engine.called_.push_back(function);
    return SQLITE_OK;
  }

  static int progress(void* self) { return --static_cast<ExpressionEngine*>(self)->slices_left_ < 0 ? 1 : 0; }
};

base::Result<std::unique_ptr<ExpressionEngine>> ExpressionEngine::open() {
  std::unique_ptr<ExpressionEngine> engine(new ExpressionEngine());
  TRY(engine->set_up());
  return engine;
}

base::Result<void> ExpressionEngine::set_up() {
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX;
  if (sqlite3_open_v2(":memory:", &database_, flags, nullptr) != SQLITE_OK) {
    return base::failed(base::errors::bug, "the expression engine cannot be opened");
  }
  sqlite3_db_config(database_, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, nullptr);
  sqlite3_db_config(database_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(database_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(database_, SQLITE_DBCONFIG_DQS_DML, 1, nullptr);
  sqlite3_limit(database_, SQLITE_LIMIT_LENGTH, value_bytes_max);
  sqlite3_limit(database_, SQLITE_LIMIT_SQL_LENGTH, static_cast<int>(text_bytes_max) + 32);
  sqlite3_limit(database_, SQLITE_LIMIT_EXPR_DEPTH, 200);
  sqlite3_limit(database_, SQLITE_LIMIT_COMPOUND_SELECT, 1);
  sqlite3_limit(database_, SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_limit(database_, SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000);
  sqlite3_limit(database_, SQLITE_LIMIT_WORKER_THREADS, 0);
  sqlite3_limit(database_, SQLITE_LIMIT_VARIABLE_NUMBER, 2000);
  constexpr int pure = SQLITE_UTF8 | SQLITE_DETERMINISTIC;
  sqlite3_create_function(database_, "hash_sha256", 1, pure, nullptr, hash_sha256, nullptr, nullptr);
  sqlite3_create_function(database_, "replacechars", 3, pure, nullptr, replace_chars, nullptr, nullptr);
  sqlite3_create_function(database_, "operation_indicator", 3, SQLITE_UTF8, &operation_, operation_indicator, nullptr,
                          nullptr);
  sqlite3_set_authorizer(database_, Callbacks::authorize, this);
  sqlite3_progress_handler(database_, slice_instructions, Callbacks::progress, this);
  return {};
}

ExpressionEngine::~ExpressionEngine() {
  for (const Prepared& prepared : prepared_) sqlite3_finalize(prepared.statement);
  sqlite3_close(database_);
}

base::Result<std::size_t> ExpressionEngine::prepare(std::string_view text) {
  if (text.size() > text_bytes_max) return base::failed(errors::bad_expression, "it is longer than 64 KB");
  if (text.find('\0') != std::string_view::npos || !is_closed(text)) {
    return base::failed(errors::bad_expression, "it is not one whole SQLite expression");
  }
  called_.clear();
  refused_.clear();
  slices_left_ = slices_max;
  const std::string sql = fmt::format("SELECT ({})", text);
  const char* rest = nullptr;
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(database_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                                      &statement, &rest);
  if (code != SQLITE_OK || statement == nullptr) {
    const std::string cause = refused_.empty() ? base::printable(sqlite3_errmsg(database_), 200) : refused_;
    return base::failed(errors::bad_expression, "{}", cause);
  }
  prepared_.push_back({statement, {}});
  ExpressionFacts& facts = prepared_.back().facts;
  const bool whole = rest == sql.data() + sql.size() && sqlite3_column_count(statement) == 1;
  if (!whole) return base::failed(errors::bad_expression, "it is not one whole SQLite expression");
  for (int i = 1; i <= sqlite3_bind_parameter_count(statement); ++i) {
    const char* name = sqlite3_bind_parameter_name(statement, i);
    if (name == nullptr || name[0] != '$') {
      return base::failed(errors::bad_expression, "columns and variables are written as $NAME");
    }
    facts.variables.emplace_back(name + 1);
    if (facts.variables.back().starts_with("AR_H_")) facts.repeatable = false;
  }
  const auto calls = [&](std::string_view name) {
    return std::find(called_.begin(), called_.end(), name) != called_.end();
  };
  if (calls("random") || calls("randomblob") || holds_now(text)) facts.repeatable = false;
  facts.marks_deletes = calls("operation_indicator");
  if (facts.marks_deletes) facts.repeatable = false;
  return prepared_.size() - 1;
}

base::Result<Value> ExpressionEngine::evaluate(std::size_t expression, std::span<const Value> variables) {
  sqlite3_stmt* statement = prepared_[expression].statement;
  ENSURE(variables.size() == prepared_[expression].facts.variables.size());
  sqlite3_reset(statement);
  for (std::size_t i = 0; i < variables.size(); ++i) bind(statement, static_cast<int>(i) + 1, variables[i]);
  slices_left_ = slices_max;
  const int code = sqlite3_step(statement);
  if (code == SQLITE_ROW) return result_of(statement);
  if (code == SQLITE_INTERRUPT) return base::failed(errors::row_failed, "the expression takes too many steps");
  // SQLite's own words hold no values of the row, but functions' might.
  return base::failed(errors::row_failed, "the expression fails with SQLite code {}",
                      sqlite3_extended_errcode(database_));
}

base::Result<ExpressionFacts> examine_expression(std::string_view text) {
  const auto engine = TRY(ExpressionEngine::open());
  return engine->facts(TRY(engine->prepare(text)));
}

}  // namespace mapping

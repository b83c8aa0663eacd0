// SPDX-License-Identifier: Apache-2.0
//
// Result<T>: a value or an Error. Everything that can fail returns one; TRY passes the error on unchanged.
//
//   auto schema = TRY(catalog.describe(table));
//
// TRY is a statement expression (g++ and clang), so it works inside an expression. A Result is a plain value: move it.
#pragma once

#include <optional>
#include <utility>
#include <variant>

#include "base/error.h"

namespace base {

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: a value is a result
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: so is an error

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & {
    ENSURE(ok());
    return std::get<0>(state_);
  }
  const T& value() const& {
    ENSURE(ok());
    return std::get<0>(state_);
  }
  T&& take() {
    ENSURE(ok());
    return std::move(std::get<0>(state_));
  }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  T& operator*() { return value(); }
  const T& operator*() const { return value(); }

  const Error& error() const {
    ENSURE(!ok());
    return std::get<1>(state_);
  }
  Error take_error() {
    ENSURE(!ok());
    return std::move(std::get<1>(state_));
  }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT: an error is a result

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  void take() { ENSURE(ok()); }
  const Error& error() const {
    ENSURE(!ok());
    return *error_;
  }
  Error take_error() {
    ENSURE(!ok());
    return std::move(*error_);
  }

 private:
  std::optional<Error> error_;
};

}  // namespace base

// The name is new each time, so that a TRY may stand in a lambda inside another TRY.
#define TRY(expression) TRY_AS_(TRY_JOINED_(try_result_, __COUNTER__), expression)
#define TRY_JOINED_(name, number) TRY_JOINED_NOW_(name, number)
#define TRY_JOINED_NOW_(name, number) name##number
#define TRY_AS_(result, expression)               \
  __extension__({                                 \
    auto result = (expression);                   \
    if (!result.ok()) return result.take_error(); \
    result.take();                                \
  })

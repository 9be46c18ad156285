// Errors as values. The category of an error is the exit code of the tool that reports it, so that
// a message and its code are decided where the problem is seen and never translated on the way.
#ifndef QOPT_BASE_STATUS_H
#define QOPT_BASE_STATUS_H

#include <cassert>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

namespace qopt {

/// What kind of problem it is; the value is the exit code.
enum class StatusCode : int {
  Ok = 0,
  Failed = 1,        ///< The work was done and the answer is no, or the system refused (I/O).
  Usage = 2,         ///< The caller asked for something that makes no sense.
  BadInput = 3,      ///< A file or value from outside is malformed or unsafe.
  Unsupported = 4,   ///< Well formed, but not handled by this build or machine.
  BudgetMissed = 5,  ///< A requested limit on loss, bytes or time cannot be met.
  ResourceLimit = 6, ///< Memory, disk or a declared maximum is exhausted.
  Internal = 70,     ///< A bug of ours.
};

/// Success, or a category with a message that names the file, the numbers and the remedy.
class [[nodiscard]] Status {
public:
  Status() = default;
  Status(StatusCode Code, std::string Message) : Code(Code), Message(std::move(Message)) {}

  bool ok() const { return Code == StatusCode::Ok; }
  StatusCode code() const { return Code; }
  int exitCode() const { return static_cast<int>(Code); }
  const std::string &message() const { return Message; }

  /// The same error with "<Prefix>: " before its message; success stays success.
  Status within(const std::string &Prefix) const {
    return ok() ? *this : Status(Code, Prefix + ": " + Message);
  }

private:
  StatusCode Code = StatusCode::Ok;
  std::string Message;
};

/// An error whose message is the parts, printed one after the other.
template <typename... Parts> Status makeError(StatusCode Code, const Parts &...Message) {
  std::ostringstream Stream;
  (Stream << ... << Message);
  return Status(Code, Stream.str());
}

/// A value, or the error that prevented it.
template <typename T> class [[nodiscard]] Result {
public:
  Result(T Value) : Value(std::move(Value)) {}
  Result(Status Error) : Error(std::move(Error)) { assert(!this->Error.ok()); }

  bool ok() const { return Value.has_value(); }
  explicit operator bool() const { return ok(); }

  T &operator*() {
    assert(ok());
    return *Value;
  }
  const T &operator*() const {
    assert(ok());
    return *Value;
  }
  T *operator->() { return &**this; }
  const T *operator->() const { return &**this; }

  /// Success when there is a value.
  const Status &status() const { return Error; }

private:
  std::optional<T> Value;
  Status Error;
};

} // namespace qopt

#endif

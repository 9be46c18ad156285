// Reads JSON whose author is not trusted: no exception, no duplicate keys, no unbounded depth, and
// every problem is reported with the place where it is.
#ifndef QOPT_LIB_PACKAGE_JSONREADER_H
#define QOPT_LIB_PACKAGE_JSONREADER_H

#include "qopt/Base/DataType.h"
#include "qopt/Base/Status.h"

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace qopt {

/// Parses a document. Name (a file) begins every message. Errors are BadInput.
Result<nlohmann::json> parseJson(std::string_view Text, const std::string &Name);

/// A value with its place in the document. Reading through it collects the first error; after that
/// every read gives a default, so that a reader is straight code with one check at its end.
class JsonView {
public:
  JsonView(const nlohmann::json &Value, std::string Place, Status &Error)
      : Value(&Value), Place(std::move(Place)), Error(&Error) {}

  bool failed() const { return !Error->ok(); }
  const std::string &place() const { return Place; }
  const nlohmann::json &json() const { return *Value; }

  /// The member, which must exist. This value must be an object.
  JsonView member(const char *Key) const;
  bool has(const char *Key) const;
  /// Calls Use(view) for each element of this array.
  template <typename F> void forEach(F Use) const {
    if (!expect(Value->is_array(), "an array"))
      return;
    for (size_t I = 0; I < Value->size() && !failed(); ++I)
      Use(JsonView((*Value)[I], Place + "[" + std::to_string(I) + "]", *Error));
  }
  /// Complains about members other than these.
  void allowOnly(std::initializer_list<std::string_view> Keys) const;

  int64_t integer() const;
  /// An integer within [Min, Max].
  int64_t integer(int64_t Min, int64_t Max) const;
  double number() const;
  bool boolean() const;
  std::string string() const;
  std::vector<std::string> strings() const;
  DataType dataType() const;

  /// Records "<place>: <message>" unless there is an error already.
  void fail(const std::string &Message, StatusCode Code = StatusCode::BadInput) const;
  /// Fails with "expected <What>" unless Condition holds; false after any failure.
  bool expect(bool Condition, const char *What) const;

private:
  const nlohmann::json *Value;
  std::string Place;
  Status *Error;
};

/// Reads the member "schema" of a document and refuses what is newer than this code, or no schema.
void checkSchema(const JsonView &Document);

} // namespace qopt

#endif

#include "JsonReader.h"

#include "qopt/Base/ArtefactFormat.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace qopt {

namespace {
/// Sees the document before it becomes a tree: depth and duplicate keys.
class StructureCheck : public nlohmann::json_sax<nlohmann::json> {
public:
  std::string Problem;

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t &) override { return true; }
  bool string(string_t &) override { return true; }
  bool binary(binary_t &) override { return true; }
  bool start_object(std::size_t) override { return enter(); }
  bool end_object() override { return leave(); }
  bool start_array(std::size_t) override { return enter(); }
  bool end_array() override { return leave(); }
  bool key(string_t &Key) override {
    if (Keys.back().insert(Key).second)
      return true;
    Problem = "the key \"" + Key + "\" occurs twice in one object";
    return false;
  }
  bool parse_error(std::size_t Position, const std::string &,
                   const nlohmann::json::exception &) override {
    Problem = "is not valid JSON at byte " + std::to_string(Position) + "; damaged or truncated?";
    return false;
  }

private:
  static constexpr size_t MaxDepth = 128;
  std::vector<std::set<std::string>> Keys;

  bool enter() {
    Keys.emplace_back();
    if (Keys.size() <= MaxDepth)
      return true;
    Problem = "is nested deeper than " + std::to_string(MaxDepth) + " levels";
    return false;
  }
  bool leave() {
    Keys.pop_back();
    return true;
  }
};
} // namespace

Result<nlohmann::json> parseJson(std::string_view Text, const std::string &Name) {
  StructureCheck Check;
  if (!nlohmann::json::sax_parse(Text, &Check))
    return makeError(StatusCode::BadInput, Name, ": ", Check.Problem);
  nlohmann::json Value = nlohmann::json::parse(Text, nullptr, /*allow_exceptions=*/false);
  if (Value.is_discarded())
    return makeError(StatusCode::BadInput, Name, ": is not valid JSON");
  return Value;
}

static const nlohmann::json NoValue;

void JsonView::fail(const std::string &Message, StatusCode Code) const {
  if (!failed())
    *Error = makeError(Code, Place, ": ", Message);
}

bool JsonView::expect(bool Condition, const char *What) const {
  if (!Condition)
    fail(std::string("expected ") + What);
  return !failed();
}

JsonView JsonView::member(const char *Key) const {
  if (!expect(Value->is_object(), "an object"))
    return JsonView(NoValue, Place, *Error);
  auto Found = Value->find(Key);
  if (Found == Value->end()) {
    fail(std::string("\"") + Key + "\" is missing");
    return JsonView(NoValue, Place, *Error);
  }
  return JsonView(*Found, Place + "." + Key, *Error);
}

bool JsonView::has(const char *Key) const { return Value->is_object() && Value->contains(Key); }

void JsonView::allowOnly(std::initializer_list<std::string_view> Keys) const {
  if (!expect(Value->is_object(), "an object"))
    return;
  for (const auto &Item : Value->items())
    if (std::find(Keys.begin(), Keys.end(), Item.key()) == Keys.end())
      return fail("unknown member \"" + Item.key() + "\"");
}

int64_t JsonView::integer() const {
  bool Fits = Value->is_number_integer() &&
              (!Value->is_number_unsigned() || Value->get<uint64_t>() <= uint64_t(INT64_MAX));
  return expect(Fits, "an integer") ? Value->get<int64_t>() : 0;
}

int64_t JsonView::integer(int64_t Min, int64_t Max) const {
  int64_t Number = integer();
  if (!failed() && (Number < Min || Number > Max))
    fail(std::to_string(Number) + " is not in [" + std::to_string(Min) + ", " +
         std::to_string(Max) + "]");
  return failed() ? Min : Number;
}

double JsonView::number() const {
  return expect(Value->is_number(), "a number") ? Value->get<double>() : 0.0;
}

bool JsonView::boolean() const {
  return expect(Value->is_boolean(), "true or false") && Value->get<bool>();
}

std::string JsonView::string() const {
  return expect(Value->is_string(), "a string") ? Value->get<std::string>() : std::string();
}

std::vector<std::string> JsonView::strings() const {
  std::vector<std::string> All;
  forEach([&](const JsonView &Element) { All.push_back(Element.string()); });
  return All;
}

DataType JsonView::dataType() const {
  std::string Name = string();
  std::optional<DataType> Type = dataTypeFromName(Name);
  if (!Type)
    fail("unknown element type \"" + Name + "\"");
  return Type.value_or(DataType::U8);
}

void checkSchema(const JsonView &Document) {
  int64_t Schema = Document.member("schema").integer(1, INT64_MAX);
  if (!Document.failed() && Schema > artefact::Schema)
    Document.fail("has schema " + std::to_string(Schema) + ", this program reads up to schema " +
                      std::to_string(artefact::Schema) +
                      "; use a newer qopt, or compile the model again with this one",
                  StatusCode::Unsupported);
}

} // namespace qopt

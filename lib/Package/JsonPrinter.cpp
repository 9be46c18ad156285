#include "JsonPrinter.h"

namespace qopt {

static std::string onOneLine(const OrderedJson &Value) {
  return Value.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

static std::string printMember(const OrderedJson &Value) {
  if (!Value.is_array() || Value.empty() || !Value.front().is_object())
    return onOneLine(Value);
  std::string Text = "[";
  for (size_t I = 0; I < Value.size(); ++I)
    Text += (I ? ",\n    " : "\n    ") + onOneLine(Value[I]);
  return Text + "\n  ]";
}

std::string printJson(const OrderedJson &Document) {
  std::string Text = "{";
  const char *Separator = "\n  ";
  for (const auto &Item : Document.items()) {
    Text += Separator + onOneLine(Item.key()) + ": " + printMember(Item.value());
    Separator = ",\n  ";
  }
  return Text + "\n}\n";
}

} // namespace qopt

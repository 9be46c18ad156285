#include "ExpressionJson.h"

namespace qopt {

namespace {
struct Spelling {
  Expression::Kind Kind;
  const char *Text;
};
constexpr Spelling Operators[] = {
    {Expression::Kind::Add, "+"},
    {Expression::Kind::Mul, "*"},
    {Expression::Kind::FloorDiv, "floordiv"},
    {Expression::Kind::CeilDiv, "ceildiv"},
    {Expression::Kind::Mod, "mod"},
    {Expression::Kind::Min, "min"},
    {Expression::Kind::Max, "max"},
};
} // namespace

OrderedJson expressionToJson(const Expression &E, const std::vector<artefact::Symbol> &Symbols) {
  if (E.kind() == Expression::Kind::Constant)
    return E.value();
  if (E.kind() == Expression::Kind::Symbol)
    return Symbols[E.value()].Name;
  OrderedJson List = OrderedJson::array();
  for (const Spelling &S : Operators)
    if (S.Kind == E.kind())
      List.push_back(S.Text);
  for (const Expression &Operand : E.operands())
    List.push_back(expressionToJson(Operand, Symbols));
  return List;
}

int64_t symbolFromJson(const JsonView &View, const std::vector<artefact::Symbol> &Symbols) {
  std::string Name = View.string();
  for (size_t I = 0; I < Symbols.size(); ++I)
    if (Symbols[I].Name == Name)
      return static_cast<int64_t>(I);
  View.fail("unknown symbol \"" + Name + "\"");
  return 0;
}

static Expression listFromJson(const JsonView &View, const std::vector<artefact::Symbol> &Symbols) {
  const nlohmann::json &List = View.json();
  if (!View.expect(List.is_array() && List.size() >= 3 && List[0].is_string(),
                   "an integer, a symbol, or [operator, a, b, ...]"))
    return 0;
  std::vector<Expression> Operands;
  bool First = true;
  View.forEach([&](const JsonView &Element) {
    if (!std::exchange(First, false))
      Operands.push_back(expressionFromJson(Element, Symbols));
  });
  for (const Spelling &S : Operators)
    if (List[0] == S.Text)
      return View.failed() ? Expression(0) : Expression::apply(S.Kind, std::move(Operands));
  View.fail("unknown operator \"" + List[0].get<std::string>() + "\"");
  return 0;
}

Expression expressionFromJson(const JsonView &View, const std::vector<artefact::Symbol> &Symbols) {
  if (View.json().is_number())
    return View.integer();
  if (View.json().is_string())
    return Expression::symbol(symbolFromJson(View, Symbols));
  return listFromJson(View, Symbols);
}

} // namespace qopt

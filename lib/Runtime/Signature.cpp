#include "qopt/Runtime/Signature.h"

namespace qopt::runtime {

using artefact::Buffer;
using artefact::BufferKind;
using artefact::OnnxRole;
using artefact::OnnxValue;

Signature Signature::ofGraph(const artefact::Program &Program) {
  Signature S;
  S.Symbols = Program.Symbols;
  for (const Buffer &B : Program.Buffers) {
    if (B.Kind == BufferKind::Input)
      S.Inputs.push_back(B);
    else if (B.Kind == BufferKind::Output)
      S.Outputs.push_back(B);
  }
  return S;
}

static std::vector<Expression> shapeOf(const OnnxValue &V, int64_t Vocabulary) {
  Expression Batch = Expression::symbol(0), Tokens = Expression::symbol(1),
             Past = Expression::symbol(2);
  Expression Total = Expression::apply(Expression::Kind::Add, {Past, Tokens});
  switch (V.Role) {
  case OnnxRole::Ids:
  case OnnxRole::Positions:
    return {Batch, Tokens};
  case OnnxRole::Mask:
    return {Batch, Total};
  case OnnxRole::Logits:
    return {Batch, Tokens, Vocabulary};
  case OnnxRole::Past:
  case OnnxRole::Present: {
    Expression Length = V.Role == OnnxRole::Past ? Past : Total;
    if (V.HeadsFirst)
      return {Batch, V.Layout.Heads, Length, V.Layout.HeadSize};
    return {Batch, Length, V.Layout.Heads, V.Layout.HeadSize};
  }
  case OnnxRole::Ignored:
    break;
  }
  return {};
}

Signature Signature::ofDecoder(const artefact::Manifest &M) {
  Signature S;
  if (!M.Onnx)
    return S;
  S.Symbols = {{"batch", {1, M.Batch}}, {"tokens", {1, M.Context}}, {"past", {0, M.Context}}};
  for (auto [From, To] : {std::pair(&M.Onnx->Inputs, &S.Inputs), {&M.Onnx->Outputs, &S.Outputs}})
    for (const OnnxValue &V : *From) {
      Buffer B;
      B.Name = V.Name;
      B.Kind = From == &M.Onnx->Inputs ? BufferKind::Input : BufferKind::Output;
      B.Type = V.Type;
      B.Shape = shapeOf(V, M.Vocabulary);
      To->push_back(std::move(B));
    }
  return S;
}

const Buffer *Signature::findInput(const std::string &Name) const {
  for (const Buffer &B : Inputs)
    if (B.Name == Name)
      return &B;
  return nullptr;
}

} // namespace qopt::runtime

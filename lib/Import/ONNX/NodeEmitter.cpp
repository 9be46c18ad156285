#include "NodeEmitter.h"

#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::onnx_import;
using onnx::AttributeProto;

Result<std::shared_ptr<const FileTensor>> TensorCache::get(const onnx::TensorProto &Tensor) {
  auto &Entry = Known[&Tensor];
  if (Entry)
    return Entry;
  Result<FileTensor> Found = locateTensor(Tensor, Folder, Context, ShapesOnly);
  if (!Found)
    return Found.status();
  Entry = std::make_shared<const FileTensor>(std::move(*Found));
  return Entry;
}

NodeEmitter::NodeEmitter(const FlatNode &Node, GraphBuilder &Builder, TensorCache &Tensors,
                         llvm::StringMap<ImportedValue> &Values)
    : B(Builder), Node(Node), Version(Node.getVersion()), Tensors(Tensors), Values(Values) {
  Absent.Element = NoneType::get(Builder.getContext());
}

//===- inputs ---------------------------------------------------------------------------------===//

bool NodeEmitter::has(unsigned Index) const {
  return Index < getNumInputs() && !Node.Proto->input(Index).empty();
}

ImportedValue &NodeEmitter::in(unsigned Index) {
  ReadInputs.insert(Index);
  if (!has(Index)) {
    if (!ReadAbsent)
      (void)badInput("operand " + Twine(Index) + " is missing");
    ReadAbsent = true;
    return Absent;
  }
  return Values.find(Node.Proto->input(Index))->second;
}

Value NodeEmitter::value(unsigned Index) {
  return has(Index) ? materialize(in(Index), B) : Value();
}

std::optional<SmallVector<int64_t>> NodeEmitter::numbers(unsigned Index, StringRef What) {
  if (!has(Index)) {
    (void)badInput(What + " is missing");
    return std::nullopt;
  }
  auto Numbers = getNumbers(in(Index));
  if (!Numbers)
    (void)unsupported(What + " must be constant, but depends on the input");
  return Numbers;
}

//===- attributes -----------------------------------------------------------------------------===//

const AttributeProto *NodeEmitter::attribute(StringRef Name) {
  ReadAttributes.insert(Name);
  for (const AttributeProto &A : Node.Proto->attribute())
    if (A.name() == Name)
      return &A;
  return nullptr;
}

bool NodeEmitter::hasAttribute(StringRef Name) {
  return llvm::any_of(Node.Proto->attribute(),
                      [&](const AttributeProto &A) { return A.name() == Name; });
}

/// An attribute whose type is as expected. Old writers leave the type out.
const AttributeProto *NodeEmitter::typed(StringRef Name, int Type) {
  const AttributeProto *A = attribute(Name);
  if (!A || A->type() == Type || A->type() == AttributeProto::UNDEFINED)
    return A;
  (void)badInput("attribute '" + Name + "' has a wrong type");
  return nullptr;
}

int64_t NodeEmitter::getInt(StringRef Name, int64_t Default) {
  const AttributeProto *A = typed(Name, AttributeProto::INT);
  return A ? A->i() : Default;
}

double NodeEmitter::getFloat(StringRef Name, double Default) {
  const AttributeProto *A = typed(Name, AttributeProto::FLOAT);
  return A ? A->f() : Default;
}

std::string NodeEmitter::getString(StringRef Name, StringRef Default) {
  const AttributeProto *A = typed(Name, AttributeProto::STRING);
  return A ? A->s() : Default.str();
}

std::optional<SmallVector<int64_t>> NodeEmitter::getInts(StringRef Name) {
  const AttributeProto *A = typed(Name, AttributeProto::INTS);
  if (!A)
    return std::nullopt;
  return SmallVector<int64_t>(A->ints().begin(), A->ints().end());
}

std::optional<ImportedValue> NodeEmitter::getTensor(const onnx::TensorProto &Tensor,
                                                    StringRef Name) {
  auto Found = Tensors.get(Tensor);
  if (Found)
    return ImportedValue::fromTensor(*Found, Name);
  B.error(Found.status().code(), Found.status().message());
  return std::nullopt;
}

bool NodeEmitter::requireInt(StringRef Name, int64_t Only) {
  int64_t Value = getInt(Name, Only);
  if (Value != Only)
    (void)unsupported("attribute '" + Name + "' = " + Twine(Value) + " is not supported");
  return Value == Only;
}

std::optional<int64_t> NodeEmitter::normalizeAxis(int64_t Axis, int64_t Rank) {
  if (Axis >= -Rank && Axis < Rank)
    return Axis < 0 ? Axis + Rank : Axis;
  (void)badInput("axis " + Twine(Axis) + " is out of range for rank " + Twine(Rank));
  return std::nullopt;
}

std::optional<int64_t> NodeEmitter::getAxis(int64_t Default, int64_t Rank, StringRef Name) {
  return normalizeAxis(getInt(Name, Default), Rank);
}

std::optional<SmallVector<int64_t>> NodeEmitter::getAxes(unsigned Input, int64_t Rank,
                                                         bool &Given) {
  auto Axes = getInts("axes");
  if (!Axes && has(Input)) {
    Axes = numbers(Input, "the list of axes");
    if (!Axes)
      return std::nullopt;
  }
  Given = Axes.has_value();
  SmallVector<int64_t> Result;
  for (int64_t Axis : Axes.value_or(SmallVector<int64_t>())) {
    auto Normal = normalizeAxis(Axis, Rank);
    if (!Normal)
      return std::nullopt;
    if (llvm::is_contained(Result, *Normal)) {
      (void)badInput("axis " + Twine(Axis) + " is named twice");
      return std::nullopt;
    }
    Result.push_back(*Normal);
  }
  llvm::sort(Result);
  return Result;
}

//===- outputs, problems ----------------------------------------------------------------------===//

bool NodeEmitter::wants(unsigned Index) const {
  return Index < unsigned(Node.Proto->output_size()) && !Node.Proto->output(Index).empty();
}

LogicalResult NodeEmitter::out(unsigned Index, ImportedValue Value) {
  if (wants(Index))
    Values[Node.Proto->output(Index)] = std::move(Value);
  return success();
}

LogicalResult NodeEmitter::out(unsigned Index, Value Value) {
  if (!Value)
    return failure();
  return out(Index, ImportedValue::fromResult(Value, B.dims(Value)));
}

LogicalResult NodeEmitter::badInput(const Twine &Message) {
  B.badInput(Message);
  return failure();
}

LogicalResult NodeEmitter::unsupported(const Twine &Message) {
  B.unsupported(Message);
  return failure();
}

LogicalResult NodeEmitter::checkEverythingRead() {
  LogicalResult Result = success(!ReadAbsent);
  for (const AttributeProto &A : Node.Proto->attribute())
    if (!ReadAttributes.contains(A.name()))
      Result = unsupported("attribute '" + Twine(A.name()) + "' is not supported");
  for (unsigned I = 0; I < getNumInputs(); ++I)
    if (has(I) && !ReadInputs.contains(I))
      Result =
          unsupported("input " + Twine(I) + " ('" + Node.Proto->input(I) + "') is not supported");
  return Result;
}

//===- the registry ---------------------------------------------------------------------------===//

static std::string registryKey(StringRef Domain, StringRef Type) {
  return (Domain + "\n" + Type).str();
}

void EmitterRegistry::add(StringRef Domain, StringRef Type, int64_t Since, int64_t Until,
                          EmitFunction Emit) {
  Ranges[registryKey(Domain, Type)].push_back({Since, Until, Emit});
}

/// Newest operator set whose definitions the emitters were written against. What a later one
/// changes is not known.
static int64_t newestVersion(StringRef Domain) {
  return llvm::StringSwitch<int64_t>(Domain)
      .Case("", 28)
      .Case("com.microsoft", 1)
      .Default(EmitterRegistry::Newest);
}

EmitFunction EmitterRegistry::find(const FlatNode &Node, bool &TypeIsKnown) const {
  auto It = Ranges.find(registryKey(Node.getDomain(), Node.Proto->op_type()));
  TypeIsKnown = It != Ranges.end();
  if (!TypeIsKnown || Node.getVersion() > newestVersion(Node.getDomain()))
    return nullptr;
  for (const Range &R : It->second)
    if (Node.getVersion() >= R.Since && Node.getVersion() <= R.Until)
      return R.Emit;
  return nullptr;
}

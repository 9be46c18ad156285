#include "FlatGraph.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace llvm;
using namespace qopt;
using namespace qopt::onnx_import;
using onnx::AttributeProto;
using onnx::FunctionProto;
using onnx::NodeProto;

static constexpr unsigned MaxCallDepth = 32;

StringRef onnx_import::normalizeDomain(StringRef Domain) {
  return Domain == "ai.onnx" ? StringRef() : Domain;
}

StringRef FlatNode::getDomain() const { return normalizeDomain(Proto->domain()); }

int64_t FlatNode::getVersion() const { return Versions->lookup(getDomain()); }

std::string FlatNode::getName() const {
  if (!Proto->name().empty())
    return Proto->name();
  for (const std::string &Output : Proto->output())
    if (!Output.empty())
      return Output;
  return Proto->op_type();
}

template <typename Imports> static OpsetVersions readVersions(const Imports &OpsetImports) {
  OpsetVersions Versions;
  for (const auto &Opset : OpsetImports)
    Versions[normalizeDomain(Opset.domain())] = Opset.version();
  return Versions;
}

namespace {

class Flattener {
public:
  Flattener(const onnx::ModelProto &Model, FlatGraph &Graph) : Model(Model), Graph(Graph) {}

  Status run(uint64_t MaxNodes);

private:
  struct Function {
    const FunctionProto *Proto;
    const OpsetVersions *Versions;
    enum { Unseen, Counting, Counted } State = Unseen;
    /// Nodes after inlining, and how deep its calls nest.
    uint64_t Nodes = 0;
    unsigned Depth = 0;
  };
  /// What the names inside one call stand for outside.
  struct Call {
    StringMap<std::string> Values;
    StringMap<const AttributeProto *> Attributes;
    std::string Prefix;
  };

  static std::string key(StringRef Domain, StringRef Name, StringRef Overload) {
    return (normalizeDomain(Domain) + "\n" + Name + "\n" + Overload).str();
  }
  Function *findCallee(const NodeProto &Node) {
    auto It = Functions.find(key(Node.domain(), Node.op_type(), Node.overload()));
    return It == Functions.end() ? nullptr : &It->second;
  }

  Status count(Function &F, unsigned Depth);
  Status countNodes(const google::protobuf::RepeatedPtrField<NodeProto> &Nodes, uint64_t &Total,
                    unsigned &CallDepth, unsigned Depth);
  void appendCall(const NodeProto &Node, const Function &Callee);
  std::string rename(Call &Frame, const std::string &Name);
  void bindAttributes(NodeProto &Copy, const Call &Frame);

  const onnx::ModelProto &Model;
  FlatGraph &Graph;
  StringMap<Function> Functions;
  uint64_t Calls = 0;
};

Status Flattener::countNodes(const google::protobuf::RepeatedPtrField<NodeProto> &Nodes,
                             uint64_t &Total, unsigned &CallDepth, unsigned Depth) {
  for (const NodeProto &Node : Nodes) {
    Function *Callee = findCallee(Node);
    if (!Callee) {
      Total = SaturatingAdd<uint64_t>(Total, 1);
      continue;
    }
    if (Status S = count(*Callee, Depth + 1); !S.ok())
      return S;
    // The call itself counts, so that calls of empty functions are bounded too.
    Total = SaturatingAdd(Total, SaturatingAdd<uint64_t>(Callee->Nodes, 1));
    CallDepth = std::max(CallDepth, Callee->Depth + 1);
  }
  return {};
}

/// Each function is counted once, so this is linear in the size of the file.
Status Flattener::count(Function &F, unsigned Depth) {
  if (F.State == Function::Counted)
    return {};
  if (F.State == Function::Counting)
    return makeError(StatusCode::BadInput, "the local function '", F.Proto->name(), "' of domain '",
                     F.Proto->domain(), "' calls itself");
  if (Depth > MaxCallDepth)
    return makeError(StatusCode::ResourceLimit, "local functions call each other more than ",
                     MaxCallDepth, " deep");
  F.State = Function::Counting;
  if (Status S = countNodes(F.Proto->node(), F.Nodes, F.Depth, Depth); !S.ok())
    return S;
  F.State = Function::Counted;
  return {};
}

/// The name outside of a value inside a call. Empty names stay empty: an absent operand.
std::string Flattener::rename(Call &Frame, const std::string &Name) {
  if (Name.empty())
    return Name;
  auto [It, Inserted] = Frame.Values.try_emplace(Name);
  if (Inserted)
    It->second = Frame.Prefix + Name;
  return It->second;
}

/// Replaces attributes that refer to the call's attributes; one that the call does not give is left
/// out.
void Flattener::bindAttributes(NodeProto &Copy, const Call &Frame) {
  google::protobuf::RepeatedPtrField<AttributeProto> Bound;
  for (AttributeProto &Attribute : *Copy.mutable_attribute()) {
    if (Attribute.ref_attr_name().empty()) {
      Bound.Add()->Swap(&Attribute);
      continue;
    }
    const AttributeProto *Given = Frame.Attributes.lookup(Attribute.ref_attr_name());
    if (!Given)
      continue;
    AttributeProto *New = Bound.Add();
    *New = *Given;
    New->set_name(Attribute.name());
  }
  Copy.mutable_attribute()->Swap(&Bound);
}

/// Appends the body of a call. The recursion is as deep as calls nest, which count() bounded.
void Flattener::appendCall(const NodeProto &Node, const Function &Callee) {
  Call Frame;
  Frame.Prefix =
      (Node.name().empty() ? Node.op_type() : Node.name()) + "." + std::to_string(Calls++) + "/";
  for (auto [I, Name] : enumerate(Callee.Proto->input()))
    Frame.Values[Name] = int(I) < Node.input_size() ? Node.input(I) : "";
  for (auto [I, Name] : enumerate(Callee.Proto->output()))
    if (int(I) < Node.output_size() && !Node.output(I).empty())
      Frame.Values[Name] = Node.output(I);
  for (const AttributeProto &Default : Callee.Proto->attribute_proto())
    Frame.Attributes[Default.name()] = &Default;
  for (const AttributeProto &Given : Node.attribute())
    Frame.Attributes[Given.name()] = &Given;

  for (const NodeProto &Inner : Callee.Proto->node()) {
    NodeProto Copy = Inner;
    for (std::string &Name : *Copy.mutable_input())
      Name = rename(Frame, Name);
    for (std::string &Name : *Copy.mutable_output())
      Name = rename(Frame, Name);
    if (!Copy.name().empty())
      Copy.set_name(Frame.Prefix + Copy.name());
    bindAttributes(Copy, Frame);
    if (const Function *Next = findCallee(Inner)) {
      appendCall(Copy, *Next);
      continue;
    }
    Graph.InlinedNodes.push_back(std::move(Copy));
    Graph.Nodes.push_back({&Graph.InlinedNodes.back(), Callee.Versions});
  }
}

Status Flattener::run(uint64_t MaxNodes) {
  Graph.Versions.push_back(readVersions(Model.opset_import()));
  const OpsetVersions *ModelVersions = &Graph.Versions.front();
  for (const FunctionProto &F : Model.functions()) {
    Graph.Versions.push_back(readVersions(F.opset_import()));
    Functions[key(F.domain(), F.name(), F.overload())] = {&F, &Graph.Versions.back()};
  }
  uint64_t Total = 0;
  unsigned Depth = 0;
  if (Status S = countNodes(Model.graph().node(), Total, Depth, 0); !S.ok())
    return S;
  if (Depth > MaxCallDepth)
    return makeError(StatusCode::ResourceLimit, "local functions call each other ", Depth,
                     " deep; the limit is ", MaxCallDepth);
  if (Total > MaxNodes)
    return makeError(StatusCode::ResourceLimit, "the model has ",
                     Total == UINT64_MAX ? "2^64 or more" : std::to_string(Total),
                     " nodes once its local functions are inlined; the limit is ", MaxNodes);
  for (const NodeProto &Node : Model.graph().node()) {
    if (const Function *Callee = findCallee(Node))
      appendCall(Node, *Callee);
    else
      Graph.Nodes.push_back({&Node, ModelVersions});
  }
  return {};
}

} // namespace

Result<FlatGraph> onnx_import::flatten(const onnx::ModelProto &Model, uint64_t MaxNodes) {
  FlatGraph Graph;
  if (Status S = Flattener(Model, Graph).run(MaxNodes); !S.ok())
    return S;
  return Result<FlatGraph>(std::move(Graph));
}

#include "Importer.h"

#include "WireFormat.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::onnx_import;

Result<OwningOpRef<ModuleOp>> qopt::importONNX(MLIRContext &Context, ModelFolder &Folder,
                                               const ImportOptions &Options) {
  Context.loadDialect<QOptDialect, func::FuncDialect>();
  return Importer(Context, Folder, Options).run();
}

Importer::Importer(MLIRContext &Context, ModelFolder &Folder, const ImportOptions &Options)
    : Context(Context), Folder(Folder), Options(Options),
      Tensors(Folder, &Context, Options.ShapesOnly), Symbols(&Context) {
  registerAllEmitters(Registry);
}

//===- reading the file -----------------------------------------------------------------------===//

Status Importer::parse() {
  auto File = Folder.map(Folder.modelFileName());
  if (!File)
    return File.status();
  if ((*File)->size() == 0)
    return makeError(StatusCode::BadInput, Folder.modelFileName(), ": the file is empty");
  Result<std::string> Stripped = stripTensorData((*File)->text());
  if (!Stripped)
    return Stripped.status().within(Folder.modelFileName());
  if (Stripped->size() > INT32_MAX)
    return makeError(StatusCode::ResourceLimit, Folder.modelFileName(),
                     ": the model is larger than 2 GiB without its tensor data");
  if (!Model.ParseFromString(*Stripped) || !Model.has_graph())
    return makeError(StatusCode::BadInput, Folder.modelFileName(), ": is not an ONNX model");
  if (Model.opset_import_size() == 0)
    return makeError(StatusCode::BadInput, Folder.modelFileName(), ": imports no operator set");
  Result<FlatGraph> Flat = flatten(Model, Options.MaxNodes);
  if (!Flat)
    return Flat.status().within(Folder.modelFileName());
  Graph = std::move(*Flat);
  return {};
}

void Importer::readInitializers() {
  llvm::StringSet<> Used;
  for (const FlatNode &Node : Graph.Nodes)
    for (const std::string &Name : Node.Proto->input())
      Used.insert(Name);
  for (const onnx::ValueInfoProto &Info : Model.graph().output())
    Used.insert(Info.name());
  Location Loc = UnknownLoc::get(&Context);
  for (const onnx::SparseTensorProto &Sparse : Model.graph().sparse_initializer())
    Errors.add(Loc, StatusCode::Unsupported,
               "sparse initializer '" + Sparse.values().name() + "' is not supported");
  for (const onnx::TensorProto &Tensor : Model.graph().initializer()) {
    if (!Used.contains(Tensor.name()))
      continue;
    auto Found = Tensors.get(Tensor);
    if (!Found) {
      Errors.add(Loc, Found.status().code(), Found.status().message());
      BrokenInitializers[Tensor.name()] = "";
    } else if (!Initializers
                    .try_emplace(Tensor.name(), ImportedValue::fromTensor(*Found, Tensor.name()))
                    .second) {
      Errors.add(Loc, StatusCode::BadInput, "initializer '" + Tensor.name() + "' is there twice");
    }
  }
}

bool Importer::readInput(const onnx::ValueInfoProto &Info) {
  Location Loc = UnknownLoc::get(&Context);
  if (!Info.type().has_tensor_type() || !Info.type().tensor_type().has_shape()) {
    Errors.add(Loc, StatusCode::Unsupported,
               "input '" + Info.name() + "' is no tensor of known rank");
    return false;
  }
  const auto &Ty = Info.type().tensor_type();
  Input New;
  New.Name = Info.name();
  New.Element = getElementType(Ty.elem_type(), &Context);
  if (!New.Element) {
    Errors.add(Loc, StatusCode::Unsupported,
               "input '" + Info.name() + "' has elements of ONNX type number " +
                   Twine(Ty.elem_type()) + ", which is not supported");
    return false;
  }
  for (auto [Axis, Dim] : llvm::enumerate(Ty.shape().dim())) {
    if (Dim.has_dim_value() && Dim.dim_value() < 0) {
      Errors.add(Loc, StatusCode::BadInput,
                 "input '" + Info.name() + "' has the negative dimension " +
                     Twine(Dim.dim_value()));
      return false;
    }
    std::string Text =
        Dim.dim_param().empty() ? Info.name() + "." + std::to_string(Axis) : Dim.dim_param();
    New.Shape.push_back(Dim.has_dim_value() ? getAffineConstantExpr(Dim.dim_value(), &Context)
                                            : Symbols.parse(Text));
  }
  Inputs.push_back(std::move(New));
  return true;
}

void Importer::readInputs() {
  llvm::StringSet<> Initialized;
  for (const onnx::TensorProto &Tensor : Model.graph().initializer())
    Initialized.insert(Tensor.name());
  for (const onnx::ValueInfoProto &Info : Model.graph().input())
    for (const auto &Dim : Info.type().tensor_type().shape().dim())
      Symbols.noteName(StringRef(Dim.dim_param()).trim());
  for (const onnx::ValueInfoProto &Info : Model.graph().input())
    if (!Initialized.contains(Info.name()) && !readInput(Info))
      BrokenInitializers[Info.name()] = "";
}

//===- nodes ----------------------------------------------------------------------------------===//

/// "MatMul '/layer/MatMul' (domain '', version 17; inputs f32[batch, 128], f32[128, 64])"
std::string Importer::describe(const FlatNode &Node) {
  std::string Text = Node.Proto->op_type() + " '" + Node.getName() + "' (domain '" +
                     Node.getDomain().str() + "', version " + std::to_string(Node.getVersion());
  std::string Separator = "; inputs ";
  for (const std::string &Name : Node.Proto->input()) {
    auto It = Values.find(Name);
    Text += Separator + (Name.empty()         ? "none"
                         : It == Values.end() ? "?"
                                              : It->second.describe(Symbols));
    Separator = ", ";
  }
  return Text + ")";
}

void Importer::poisonOutputs(const FlatNode &Node, StringRef Reason) {
  for (const std::string &Name : Node.Proto->output())
    if (!Name.empty() && !Values.contains(Name))
      Poisoned[Name] = Reason.str();
}

/// Whether all inputs are there. What a broken value breaks in turn is not reported again.
bool Importer::checkInputs(const FlatNode &Node, GraphBuilder &Builder) {
  bool Complete = true;
  for (const std::string &Name : Node.Proto->input()) {
    if (Name.empty() || Values.contains(Name))
      continue;
    Complete = false;
    auto It = Poisoned.find(Name);
    if (It == Poisoned.end())
      Builder.badInput("reads '" + Name + "', which nothing before it defines");
    else if (!It->second.empty())
      Builder.unsupported(It->second);
    if (It != Poisoned.end())
      It->second.clear();
  }
  return Complete;
}

void Importer::importNode(const FlatNode &Node, GraphBuilder &Builder) {
  Builder.setLocation(NameLoc::get(StringAttr::get(&Context, escape(Node.getName()))),
                      [&] { return describe(Node); });
  for (const std::string &Name : Node.Proto->output())
    if (!Name.empty() && (Values.contains(Name) || Poisoned.contains(Name)))
      Builder.badInput("defines '" + Name + "', which is defined already");
  bool TypeIsKnown = false;
  EmitFunction Emit = Registry.find(Node, TypeIsKnown);
  if (TypeIsKnown && Node.getVersion() == 0) {
    // Without the operator set that defines it, a node has no meaning.
    Builder.badInput("the model does not import the operator's domain");
    Emit = nullptr;
  } else if (!Emit) {
    Builder.unsupported(TypeIsKnown ? "this version of the operator is not supported"
                                    : "the operator is not supported");
  }
  bool Complete = checkInputs(Node, Builder);
  if (Emit && Complete)
    emitNode(Node, Emit, Builder);
  else
    poisonOutputs(Node, "");
}

void Importer::emitNode(const FlatNode &Node, EmitFunction Emit, GraphBuilder &Builder) {
  NodeEmitter Emitter(Node, Builder, Tensors, Values);
  size_t Before = Errors.size();
  if (failed(Emit(Emitter)) || failed(Emitter.checkEverythingRead())) {
    // An operand that an emitter only reads as data and finds absent.
    if (Errors.size() == Before && !Builder.mustRestart())
      Builder.badInput("an operand is missing");
    poisonOutputs(Node, "");
    return;
  }
  poisonOutputs(Node, "reads an output of '" + Node.getName() + "' that is not supported");
}

//===- a pass ---------------------------------------------------------------------------------===//

void Importer::addArguments(func::FuncOp Function) {
  for (auto [I, In] : llvm::enumerate(Inputs)) {
    Dims Shape = llvm::map_to_vector<4>(In.Shape, [&](AffineExpr E) { return Symbols.resolve(E); });
    auto Ty = RankedTensorType::get(getShape(Shape), In.Element);
    Location Loc = NameLoc::get(StringAttr::get(&Context, escape(In.Name)));
    (void)Function.insertArgument(I, Ty, {}, Loc);
    Function.setArgAttr(I, QOptDialect::getDimsAttrName(), AffineMapAttr::get(Symbols.map(Shape)));
    Function.setArgAttr(I, QOptDialect::getNameAttrName(), StringAttr::get(&Context, In.Name));
    Values[In.Name] = ImportedValue::fromResult(Function.getArgument(I), Shape);
  }
}

/// A declared output shape is a claim of the exporter; the computed one holds, and a contradiction
/// is worth a word.
void Importer::checkDeclaredShape(const onnx::ValueInfoProto &Info, const ImportedValue &Value,
                                  Location Loc) {
  if (!Info.type().has_tensor_type() || !Info.type().tensor_type().has_shape())
    return;
  const auto &Declared = Info.type().tensor_type().shape();
  bool Fits = int64_t(Declared.dim_size()) == Value.rank();
  for (int I = 0; Fits && I < Declared.dim_size(); ++I)
    if (Declared.dim(I).has_dim_value())
      Fits = areDimsEqual(Value.Shape[I],
                          getAffineConstantExpr(Declared.dim(I).dim_value(), &Context)) != false;
  if (!Fits)
    emitWarning(Loc) << "output '" << escape(Info.name()) << "' is " << Value.describe(Symbols)
                     << ", not what the file declares";
}

void Importer::addResults(func::FuncOp Function, GraphBuilder &Builder) {
  SmallVector<Value> Results;
  for (const onnx::ValueInfoProto &Info : Model.graph().output()) {
    Location Loc = NameLoc::get(StringAttr::get(&Context, escape(Info.name())));
    Builder.setLocation(Loc, [&] { return "output '" + Info.name() + "'"; });
    auto It = Values.find(Info.name());
    if (It == Values.end()) {
      auto Broken = Poisoned.find(Info.name());
      if (Broken == Poisoned.end())
        Builder.badInput("nothing defines it");
      else if (!Broken->second.empty())
        Builder.unsupported(Broken->second);
      continue;
    }
    if (Value Result = materialize(It->second, Builder)) {
      Results.push_back(Result);
      if (!Builder.mustRestart() && Errors.empty())
        checkDeclaredShape(Info, It->second, Loc);
    }
  }
  func::ReturnOp::create(Builder.B, UnknownLoc::get(&Context), Results);
  if (int(Results.size()) != Model.graph().output_size())
    return;
  Function.setFunctionType(
      FunctionType::get(&Context, Function.getArgumentTypes(), ValueRange(Results).getTypes()));
  for (auto [I, Info] : llvm::enumerate(Model.graph().output()))
    Function.setResultAttr(I, QOptDialect::getNameAttrName(),
                           StringAttr::get(&Context, Info.name()));
}

/// Erases operations whose results nobody reads, then weights that nobody uses.
static void eraseUnused(ModuleOp Module, func::FuncOp Function) {
  for (Operation &Op : llvm::make_early_inc_range(llvm::reverse(Function.getBody().front())))
    if (isOpTriviallyDead(&Op))
      Op.erase();
  llvm::DenseSet<StringAttr> Used;
  Function.walk([&](UseWeightOp Use) { Used.insert(Use.getWeightAttr().getAttr()); });
  for (WeightOp Weight : llvm::make_early_inc_range(Module.getOps<WeightOp>()))
    if (!Used.contains(Weight.getSymNameAttr()))
      Weight.erase();
}

OwningOpRef<ModuleOp> Importer::runPass(bool &Restart) {
  Location Loc = UnknownLoc::get(&Context);
  OwningOpRef<ModuleOp> Module = ModuleOp::create(Loc);
  OpBuilder B(Module->getBodyRegion());
  auto Function = func::FuncOp::create(B, Loc, "main", B.getFunctionType({}, {}));
  Function.addEntryBlock();
  Symbols.beginPass();
  Values = Initializers;
  Poisoned = BrokenInitializers;
  Function->setAttr(QOptDialect::getSymbolsAttrName(), Symbols.getDeclarations());
  addArguments(Function);
  GraphBuilder Builder(Function, Symbols, Errors);
  for (const FlatNode &Node : Graph.Nodes) {
    Errors.setOperator(Node.Proto->op_type());
    importNode(Node, Builder);
    if ((Restart = Builder.mustRestart()))
      return Module;
  }
  Errors.setOperator("");
  addResults(Function, Builder);
  Restart = Builder.mustRestart();
  Function->setAttr(QOptDialect::getSymbolsAttrName(), Symbols.getDeclarations());
  if (!Restart && Errors.empty())
    eraseUnused(*Module, Function);
  return Module;
}

Result<OwningOpRef<ModuleOp>> Importer::run() {
  Location Loc = UnknownLoc::get(&Context);
  if (Status S = parse(); !S.ok()) {
    emitError(Loc) << escape(S.message());
    return S;
  }
  readInitializers();
  readInputs();
  Problems Early = Errors;
  OwningOpRef<ModuleOp> Module;
  // Each restart removes a symbol, so there are as many as symbols at most.
  for (bool Restart = true; Restart;) {
    Errors = Early;
    Module = runPass(Restart);
  }
  for (const std::string &Warning : Folder.takeWarnings())
    emitWarning(Loc) << escape(Warning);
  if (!Errors.empty())
    return Errors.report(Folder.modelFileName());
  if (failed(verify(*Module)))
    return makeError(StatusCode::Internal, Folder.modelFileName(),
                     ": the imported module does not verify");
  return Module;
}

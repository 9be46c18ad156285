#include "qopt/Pipelines/Levels.h"

#include "qopt/Passes/Fusion.h"
#include "qopt/Passes/Graph.h"
#include "qopt/Passes/Precision.h"
#include "qopt/Passes/Verify.h"
#include "qopt/Pipelines/Raise.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace qopt;

static constexpr Level AllLevels[] = {Level::Model, Level::Quantized, Level::Kernels, Level::Code};

ArrayRef<Level> qopt::getAllLevels() { return AllLevels; }

StringRef qopt::getLevelName(Level Which) {
  switch (Which) {
  case Level::Model:
    return "model";
  case Level::Quantized:
    return "quantized";
  case Level::Kernels:
    return "kernels";
  case Level::Code:
    return "code";
  }
  llvm_unreachable("all levels are named");
}

std::optional<Level> qopt::parseLevel(StringRef Name) {
  for (Level Each : AllLevels)
    if (getLevelName(Each) == Name)
      return Each;
  return std::nullopt;
}

std::string LevelOptions::print() const {
  return llvm::formatv("context={0} batch={1} chunk={2} weights={3} head={4} embedding={5} kv={6} "
                       "scheme={7} group={8} "
                       "asymmetric={9} requantize={10} activations={11} fuse={12} target={13} "
                       "keep-signature={14}",
                       Context, Batch, Chunk, Weights, Head, Embedding, KV, Scheme, Group,
                       Asymmetric, Requantize, Activations, Fuse, Target, KeepSignature)
      .str();
}

Result<InsertedPass> qopt::parseInsertedPass(StringRef Text) {
  auto [When, Rest] = Text.split(':');
  auto [LevelName, Pipeline] = Rest.split(':');
  auto Where = parseLevel(LevelName);
  if ((When != "before" && When != "after") || !Where || *Where == Level::Code || Pipeline.empty())
    return makeError(StatusCode::Usage, "--insert-pass=", Text.str(),
                     ": expected <before|after>:<model|quantized|kernels>:<pass>");
  return InsertedPass{When == "before", *Where, Pipeline.str()};
}

static void addModelPasses(OpPassManager &Passes, const LevelOptions &Options) {
  buildRaisingPipeline(Passes, Options.KeepSignature);
  BindSizesOptions Sizes;
  Sizes.Context = Options.Context;
  Sizes.Batch = Options.Batch;
  Sizes.Chunk = Options.Chunk;
  Passes.addNestedPass<func::FuncOp>(createBindSizes(Sizes));
}

static void addQuantizedPasses(OpPassManager &Passes, const LevelOptions &Options) {
  AssignPrecisionOptions Precision;
  Precision.Weights = Options.Weights;
  Precision.Head = Options.Head;
  Precision.Embedding = Options.Embedding;
  Precision.KV = Options.KV;
  Precision.Group = Options.Group;
  Precision.Asymmetric = Options.Asymmetric;
  Precision.Requantize = Options.Requantize;
  Precision.Activations = Options.Activations;
  Precision.SchemeName = Options.Scheme;
  Precision.Reason = Options.Reason;
  Passes.addPass(createAssignPrecision(Precision));
  Passes.addPass(createQuantizeBlocks());
  Passes.addNestedPass<func::FuncOp>(createQuantizeActivations());
}

static void addKernelPasses(OpPassManager &Passes, const LevelOptions &Options) {
  FormKernelsOptions Form;
  Form.Fuse = Options.Fuse;
  Passes.addPass(createFormKernels(Form));
  // Layouts are chosen from the kernels that read a weight.
  ChooseLayoutsOptions Layouts;
  Layouts.TargetName = Options.Target;
  Passes.addPass(createChooseLayouts(Layouts));
  Passes.addNestedPass<func::FuncOp>(createPlanMemory());
}

static LogicalResult addInserted(OpPassManager &Passes, Level Which, bool Before,
                                 ArrayRef<InsertedPass> Inserted) {
  for (const InsertedPass &Each : Inserted)
    if (Each.Where == Which && Each.Before == Before &&
        failed(parsePassPipeline(Each.Pipeline, Passes)))
      return failure();
  return success();
}

LogicalResult qopt::buildLevel(OpPassManager &Passes, Level Which, const LevelOptions &Options,
                               ArrayRef<InsertedPass> Inserted) {
  if (failed(addInserted(Passes, Which, /*Before=*/true, Inserted)))
    return failure();
  if (Which == Level::Model)
    addModelPasses(Passes, Options);
  else if (Which == Level::Quantized)
    addQuantizedPasses(Passes, Options);
  else if (Which == Level::Kernels)
    addKernelPasses(Passes, Options);
  if (failed(addInserted(Passes, Which, /*Before=*/false, Inserted)))
    return failure();
  // Last, so that it holds for what was inserted too.
  if (Which == Level::Model)
    Passes.addPass(createVerifyModel());
  else if (Which == Level::Quantized)
    Passes.addPass(createVerifyQuantized());
  else if (Which == Level::Kernels)
    Passes.addPass(createVerifyKernels());
  return success();
}

namespace {
/// The same options for qopt-opt's pipelines.
struct PipelineOptions : public PassPipelineOptions<PipelineOptions> {
  Option<int64_t> Context{*this, "context", llvm::cl::init(0)};
  Option<int64_t> Batch{*this, "batch", llvm::cl::init(1)};
  Option<int64_t> Chunk{*this, "chunk", llvm::cl::init(0)};
  Option<bool> KeepSignature{*this, "keep-signature", llvm::cl::init(false)};
  Option<std::string> Weights{*this, "weights"};
  Option<std::string> Head{*this, "head"};
  Option<std::string> Embedding{*this, "embedding"};
  Option<std::string> KV{*this, "kv"};
  Option<std::string> Scheme{*this, "scheme", llvm::cl::init("rtn")};
  Option<int64_t> Group{*this, "group", llvm::cl::init(-1)};
  Option<bool> Asymmetric{*this, "asymmetric", llvm::cl::init(false)};
  Option<bool> Requantize{*this, "requantize", llvm::cl::init(false)};
  Option<std::string> Activations{*this, "activations"};
  Option<bool> Fuse{*this, "fuse", llvm::cl::init(true)};
  Option<std::string> Target{*this, "target", llvm::cl::init("cpu")};

  LevelOptions get() const {
    LevelOptions Result;
    Result.Context = Context;
    Result.Batch = Batch;
    Result.Chunk = Chunk;
    Result.KeepSignature = KeepSignature;
    Result.Weights = Weights;
    Result.Head = Head;
    Result.Embedding = Embedding;
    Result.KV = KV;
    Result.Scheme = Scheme;
    Result.Group = Group;
    Result.Asymmetric = Asymmetric;
    Result.Requantize = Requantize;
    Result.Activations = Activations;
    Result.Fuse = Fuse;
    Result.Target = Target;
    Result.Reason = "option";
    return Result;
  }
};
} // namespace

void qopt::registerLevelPipelines() {
  auto Register = [](Level Which, StringRef Name, StringRef Description) {
    PassPipelineRegistration<PipelineOptions>(
        Name, Description, [Which](OpPassManager &Passes, const PipelineOptions &Options) {
          // Without inserted passes nothing can fail.
          (void)buildLevel(Passes, Which, Options.get(), {});
        });
  };
  Register(Level::Model, "qopt-to-model", "from what the importer made to the model level");
  Register(Level::Quantized, "qopt-to-quantized", "from the model level to the quantized level");
  Register(Level::Kernels, "qopt-to-kernels", "from the quantized level to the kernels level");
}

#include "qopt/Pipelines/Raise.h"

#include "qopt/Passes/Graph.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace qopt;

/// Equal structure first: two readers of one value must read one value.
static void addCleanup(OpPassManager &Manager) {
  Manager.addPass(createSimplifyStructure());
  Manager.addPass(createCSEPass());
}

void qopt::buildRaisingPipeline(OpPassManager &Manager, bool KeepSignature) {
  addCleanup(Manager);
  Manager.addPass(createSplitLinears());
  Manager.addPass(createRaiseNorm());
  Manager.addPass(createRaiseActivation());
  Manager.addPass(createRaiseRotary());
  addCleanup(Manager);
  Manager.addPass(createRaiseAttention());
  addCleanup(Manager);
  RaiseKVCacheOptions Caches;
  Caches.KeepSignature = KeepSignature;
  Manager.addPass(createRaiseKVCache(Caches));
  addCleanup(Manager);
  Manager.addPass(createCanonicalizeDecoder());
}

void qopt::registerRaisingPipeline() {
  PassPipelineRegistration<>("qopt-raise",
                             "Raises an imported module to the canonical form of the model level",
                             [](OpPassManager &Manager) { buildRaisingPipeline(Manager); });
}

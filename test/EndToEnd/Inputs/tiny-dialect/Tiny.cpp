// A dialect with one operation, and a pass that takes it out: --load-dialect-plugin and
// --load-pass-plugin.
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "llvm/Config/llvm-config.h"

using namespace mlir;

namespace {

struct NoteOp : Op<NoteOp, OpTrait::ZeroOperands, OpTrait::ZeroResults> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(NoteOp)
  using Op::Op;
  static StringRef getOperationName() { return "tiny.note"; }
  static ArrayRef<StringRef> getAttributeNames() { return {}; }
};

struct TinyDialect : Dialect {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(TinyDialect)
  explicit TinyDialect(MLIRContext *Context)
      : Dialect(getDialectNamespace(), Context, TypeID::get<TinyDialect>()) {
    addOperations<NoteOp>();
  }
  static StringRef getDialectNamespace() { return "tiny"; }
};

struct DropNotes : PassWrapper<DropNotes, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(DropNotes)
  StringRef getArgument() const override { return "tiny-drop-notes"; }
  void runOnOperation() override {
    getOperation().walk([](NoteOp Note) { Note.erase(); });
  }
};

} // namespace

extern "C" LLVM_ATTRIBUTE_WEAK DialectPluginLibraryInfo mlirGetDialectPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "Tiny", LLVM_VERSION_STRING,
          [](DialectRegistry *Registry) { Registry->insert<TinyDialect>(); }};
}

extern "C" LLVM_ATTRIBUTE_WEAK PassPluginLibraryInfo mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "Tiny", LLVM_VERSION_STRING,
          [] { PassRegistration<DropNotes>(); }};
}

// Functions, kernels, symbols, weights, and the value model itself.
#include "ReferenceTest.h"

using namespace qopt;
using testing::HasSubstr;

namespace {
class EvaluatorRun : public ReferenceTest {
protected:
  const std::string Doubles =
      R"(func.func @main(%x: tensor<?xf32> {qopt.dims = affine_map<()[s0] -> (s0)>}) -> tensor<?xf32>
      attributes {qopt.symbols = [#qopt.symbol<"n", 1 to 8, divisor = 2>]} {
    %0 = qopt.binary add %x, %x : tensor<?xf32>, tensor<?xf32>
    return %0 : tensor<?xf32>
  })";
};
} // namespace

TEST_F(EvaluatorRun, SymbolsComeFromTheInputs) {
  expectFloats(evaluate(Doubles, {floats("2xf32", {1, 2})}), {2, 4});
  EXPECT_THAT(error(Doubles, {floats("2xf32", {1, 2})}, {{"n", 4}}),
              HasSubstr("has dimensions affine_map<()[s0] -> (s0)>, given 'tensor<2xf32>'"));
  EXPECT_THAT(error(Doubles, {floats("3xf32", {1, 2, 3})}),
              HasSubstr("symbol 'n' is 3, declared as"));
  EXPECT_THAT(error(Doubles, {floats("0xf32", {})}), HasSubstr("symbol 'n' is 0, declared as"));
  EXPECT_THAT(error(Doubles, {ReferenceTensor(type("10xf32"))}),
              HasSubstr("symbol 'n' is 10, declared as"));
}

TEST_F(EvaluatorRun, InputsMustBeOfTheArgumentsTypes) {
  EXPECT_THAT(error(Doubles, {}), HasSubstr("'main' takes 1 inputs, given 0"));
  EXPECT_THAT(error(Doubles, {floats("2xf16", {1, 2})}),
              HasSubstr("argument 0 of 'main' has type 'tensor<?xf32>', given 'tensor<2xf16>'"));
  EXPECT_THAT(error(Doubles, {floats("1x2xf32", {1, 2})}),
              HasSubstr("argument 0 of 'main' has type"));
  EXPECT_THAT(error(Doubles, {cache("1x1, capacity = 1, key = f16, value = f16", 1)}),
              HasSubstr("argument 0 of 'main'"));
}

TEST_F(EvaluatorRun, MissingSymbol) {
  std::string Text = program("qopt.sizes affine_map<()[s0] -> (s0)> : tensor<i64>", {}, "i64",
                             "#qopt.symbol<\"n\", 0 to -1>");
  EXPECT_THAT(error(Text, {}), HasSubstr("symbol 'n' of 'main' has no value"));
}

TEST_F(EvaluatorRun, KernelsSeeSymbolsByName) {
  std::string Text = R"(
    qkernel.kernel @count(%past: tensor<1xi64>) -> tensor<1x?xi64>
        attributes {kind = "elementwise", qopt.symbols = [#qopt.symbol<"tokens", 1 to -1>]} {
      %p = qopt.positions %past tokens affine_map<()[s0] -> (s0)> : tensor<1xi64> -> tensor<1x?xi64>
      qkernel.yield %p : tensor<1x?xi64>
    }
    func.func @main(%past: tensor<1xi64>) -> tensor<1x?xi64>
        attributes {qopt.symbols = [#qopt.symbol<"batch", 1 to -1>, #qopt.symbol<"tokens", 1 to -1>]} {
      %p = qkernel.launch @count "positions"(%past) : (tensor<1xi64>) -> tensor<1x?xi64>
      return %p : tensor<1x?xi64>
    })";
  expectIntegers(evaluate(Text, {integers("1xi64", {7})}, {{"batch", 1}, {"tokens", 2}}), {7, 8});
}

TEST_F(EvaluatorRun, CallsAFunction) {
  std::string Text = R"(
    func.func private @neg(%x: tensor<f32>) -> tensor<f32> {
      %0 = qopt.unary neg %x : tensor<f32>
      return %0 : tensor<f32>
    }
    func.func @main(%x: tensor<f32>) -> tensor<f32> {
      %0 = call @neg(%x) : (tensor<f32>) -> tensor<f32>
      return %0 : tensor<f32>
    })";
  expectFloats(evaluate(Text, {floats("f32", {3})}), {-3});
}

TEST_F(EvaluatorRun, RefusesWhatHasNoMeaningHere) {
  EXPECT_THAT(error("func.func @main() {\n  call @main() : () -> ()\n  return\n}", {}),
              HasSubstr("'main' calls itself"));
  EXPECT_THAT(error("func.func private @main()", {}), HasSubstr("'main' has no body to evaluate"));
  EXPECT_THAT(
      error("func.func @main() -> i32 {\n  %0 = arith.constant 1 : i32\n  return %0 : i32\n}", {}),
      HasSubstr("has no reference evaluation"));
}

TEST_F(EvaluatorRun, Weights) {
  std::string Text = R"(
    qopt.weight @w : tensor<2xf32> from [#qopt.source<"w.bin", offset = 0, length = 8, type = tensor<2xf32>, hash = 0>]
    func.func @main() -> tensor<2xf32> {
      %w = qopt.use_weight @w : tensor<2xf32>
      return %w : tensor<2xf32>
    })";
  EXPECT_THAT(error(Text, {}), HasSubstr("uses a weight, but the evaluator was given none"));
  Weights = [&](WeightOp Weight) -> mlir::FailureOr<ReferenceTensor> {
    EXPECT_EQ(Weight.getSymName(), "w");
    return floats("2xf32", {5, 6});
  };
  expectFloats(evaluate(Text, {}), {5, 6});
  Weights = [&](WeightOp) -> mlir::FailureOr<ReferenceTensor> {
    return floats("3xf32", {5, 6, 7});
  };
  EXPECT_THAT(error(Text, {}),
              HasSubstr("computes 'tensor<3xf32>', but its result is 'tensor<2xf32>'"));
}

TEST_F(EvaluatorRun, Constants) {
  auto Constant = [&](const std::string &Value, const std::string &Ty) {
    return evaluate(program("qopt.constant dense<" + Value + "> : tensor<" + Ty + ">", {}, Ty), {});
  };
  expectFloats(Constant("[1.5, 0xFF800000, -0.0]", "3xf32"), {1.5, -Inf, -0.0});
  expectFloats(Constant("0.1", "2xf16"), {0.0999755859375, 0.0999755859375});
  expectIntegers(Constant("[-1, 255]", "2xi64"), {-1, 255});
  expectIntegers(Constant("[true, false]", "2xi1"), {1, 0});
  expectIntegers(Constant("[255, 0]", "2xui8"), {255, 0});
  EXPECT_EQ(Constant("[]", "0xf32").getNumElements(), 0);
  expectFloats(evaluate(R"(func.func @main() -> tensor<2xf32> {
      %0 = qopt.constant dense_resource<c> : tensor<2xf32>
      return %0 : tensor<2xf32>
    }
    {-# dialect_resources: { builtin: { c: "0x040000000000803F00000040" } } #-})",
                        {}),
               {1, 2});
}

TEST_F(EvaluatorRun, ObserverSeesEveryOperation) {
  auto Module = mlir::parseSourceString<mlir::ModuleOp>(Doubles, &Context);
  Evaluator Evaluator(Registry);
  std::vector<std::string> Seen;
  Evaluator.setObserver([&](mlir::Operation *Op, llvm::ArrayRef<ReferenceValue> Results) {
    Seen.push_back(Op->getName().getStringRef().str());
    expectFloats(Results[0].getTensor(), {2, 4});
  });
  auto Main = mlir::cast<mlir::FunctionOpInterface>(Module->lookupSymbol("main"));
  EXPECT_TRUE(mlir::succeeded(Evaluator.run(Main, {floats("2xf32", {1, 2})})));
  EXPECT_EQ(Seen, std::vector<std::string>{"qopt.binary"});
}

TEST_F(EvaluatorRun, EveryOperationHasAMeaning) {
  for (const char *Dialect : {"qopt", "qkernel"}) {
    Context.getOrLoadDialect(Dialect);
    for (mlir::RegisteredOperationName Op : Context.getRegisteredOperationsByDialect(Dialect)) {
      // A declaration, the place that holds operations, and a terminator: the evaluator itself
      // reads these.
      if (Op.getStringRef() == "qopt.weight" || Op.getStringRef() == "qkernel.kernel" ||
          Op.getStringRef() == "qkernel.yield")
        continue;
      EXPECT_TRUE(Registry.lookup(Op.getStringRef()))
          << Op.getStringRef().str() << " has no reference evaluation";
    }
  }
}

TEST_F(EvaluatorRun, APluginReplacesAMeaning) {
  Registry.add("qopt.binary", [](mlir::Operation *Op, Frame &Frame) {
    return Frame.set(Op->getResult(0), Frame.get(Op->getOperand(0)));
  });
  expectFloats(evaluate(Doubles, {floats("2xf32", {1, 2})}), {1, 2});
}

TEST_F(EvaluatorRun, StoredTensors) {
  ReferenceTensor T(type("2x5x!qopt.packed<i4, group = 4, scale = f16, asymmetric>"));
  EXPECT_EQ(T.getNumGroups(), 2);
  T.setInteger(T.offset({1, 4}), 15);
  T.setScale(1, 1, 0.1);
  T.setZeroPoint(1, 1, 3);
  EXPECT_EQ(T.getFloat({1, 4}), 12 * 0.0999755859375);
  EXPECT_EQ(T.getFloat({1, 3}), 0);
  EXPECT_EQ(T.readFloats()[9], T.getFloat(9));
}

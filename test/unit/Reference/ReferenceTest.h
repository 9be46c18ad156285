//===- ReferenceTest.h - evaluates a program written in a test --------------------------------===//
#ifndef QOPT_TEST_UNIT_REFERENCE_REFERENCETEST_H
#define QOPT_TEST_UNIT_REFERENCE_REFERENCETEST_H

#include "QKernel/QKernel.h"
#include "qopt/Pipelines/Register.h"
#include "qopt/Reference/Evaluator.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace qopt {

constexpr double Inf = std::numeric_limits<double>::infinity();
const double NaN = std::numeric_limits<double>::quiet_NaN();

class ReferenceTest : public testing::Test {
protected:
  using Values = std::vector<ReferenceValue>;
  using Symbols = std::map<std::string, int64_t>;

  ReferenceTest()
      : Handler(&Context, [this](mlir::Diagnostic &Message) { Messages += Message.str() + "\n"; }) {
    mlir::DialectRegistry Dialects;
    registerAllDialects(Dialects);
    Context.appendDialectRegistry(Dialects);
    registerAllReferences(Registry);
  }

  mlir::RankedTensorType type(const std::string &Text) {
    return mlir::cast<mlir::RankedTensorType>(mlir::parseType("tensor<" + Text + ">", &Context));
  }
  ReferenceTensor floats(const std::string &Type, llvm::ArrayRef<double> Elements) {
    return ReferenceTensor::fromFloats(type(Type), Elements);
  }
  ReferenceTensor integers(const std::string &Type, llvm::ArrayRef<int64_t> Elements) {
    return ReferenceTensor::fromIntegers(type(Type), Elements);
  }
  ReferenceCache cache(const std::string &Parameters, int64_t Batch,
                       int64_t Capacity = mlir::ShapedType::kDynamic) {
    auto Ty =
        mlir::cast<KVCacheType>(mlir::parseType("!qopt.kv_cache<" + Parameters + ">", &Context));
    return ReferenceCache(Ty, Batch, Capacity);
  }

  /// Runs @main of a module.
  mlir::FailureOr<Values> run(const std::string &Text, const Values &Inputs,
                              const Symbols &Given = {}) {
    Messages.clear();
    Module = mlir::parseSourceString<mlir::ModuleOp>(Text, &Context);
    if (!Module)
      return mlir::failure();
    Evaluator Evaluator(Registry, Weights);
    Evaluator.setSampling(Samples);
    llvm::StringMap<int64_t> SymbolMap;
    for (const auto &[Name, Value] : Given)
      SymbolMap[Name] = Value;
    auto Main = mlir::cast<mlir::FunctionOpInterface>(Module->lookupSymbol("main"));
    auto Results = Evaluator.run(Main, Inputs, SymbolMap);
    if (mlir::failed(Results))
      return mlir::failure();
    return Values(Results->begin(), Results->end());
  }

  /// The only result of @main, whose evaluation must succeed.
  ReferenceTensor evaluate(const std::string &Text, const Values &Inputs,
                           const Symbols &Given = {}) {
    auto Results = run(Text, Inputs, Given);
    EXPECT_TRUE(mlir::succeeded(Results)) << Messages << Text;
    if (mlir::failed(Results))
      return ReferenceTensor(mlir::RankedTensorType::get({0}, mlir::Float32Type::get(&Context)));
    return Results->front().getTensor();
  }

  /// The diagnostic of a module or evaluation that must fail.
  std::string error(const std::string &Text, const Values &Inputs, const Symbols &Given = {}) {
    EXPECT_TRUE(mlir::failed(run(Text, Inputs, Given))) << Text;
    return Messages;
  }

  /// A module whose @main is one operation, %0 = ..., on arguments %a, %b, ... of the inputs'
  /// types.
  std::string program(const std::string &Operation, const Values &Inputs, const std::string &Result,
                      const std::string &Symbols = "") {
    std::string Text;
    llvm::raw_string_ostream Out(Text);
    Out << "func.func @main(";
    for (size_t I = 0; I < Inputs.size(); ++I)
      Out << (I ? ", %" : "%") << char('a' + I) << ": " << Inputs[I].getType();
    Out << ") -> tensor<" << Result << ">";
    if (!Symbols.empty())
      Out << " attributes {qopt.symbols = [" << Symbols << "]}";
    Out << " {\n  %0 = " << Operation << "\n  return %0 : tensor<" << Result << ">\n}\n";
    return Text;
  }

  /// Elements equal the exact values after one rounding to the element type; NaN equals NaN, and
  /// the sign of a zero counts.
  void expectFloats(const ReferenceTensor &Actual, llvm::ArrayRef<double> Exact) {
    ASSERT_EQ(Actual.getNumElements(), int64_t(Exact.size()));
    ReferenceTensor Expected = ReferenceTensor::fromFloats(Actual.getType(), Exact);
    for (int64_t I = 0; I < Actual.getNumElements(); ++I) {
      double A = Actual.getFloat(I), E = Expected.getFloat(I);
      EXPECT_TRUE((std::isnan(A) && std::isnan(E)) ||
                  (A == E && std::signbit(A) == std::signbit(E)))
          << "element " << I << ": " << A << ", expected " << E;
    }
  }

  void expectIntegers(const ReferenceTensor &Actual, llvm::ArrayRef<int64_t> Expected) {
    ASSERT_EQ(Actual.getNumElements(), int64_t(Expected.size()));
    for (int64_t I = 0; I < Actual.getNumElements(); ++I)
      EXPECT_EQ(Actual.getInteger(I), Expected[I]) << "element " << I;
  }

  mlir::MLIRContext Context;
  ReferenceRegistry Registry;
  WeightProvider Weights;
  bool Samples = false;
  std::string Messages;
  mlir::ScopedDiagnosticHandler Handler;
  mlir::OwningOpRef<mlir::ModuleOp> Module;
};

} // namespace qopt

#endif // QOPT_TEST_UNIT_REFERENCE_REFERENCETEST_H

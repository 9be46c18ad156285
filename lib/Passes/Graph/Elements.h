//===- Elements.h - one element of a tensor as a function of its indices ----------------------===//
//
// Masks, position tables, rotary tables and repeated heads are written by exporters in many ways
// that mean the same. Instead of matching each way, passes ask what stands at an element: "at [b,
// h, q, k] this mask is 0 where k <= q + past and very negative elsewhere". An element is a sum of
// terms, or a choice between two elements by a predicate over the indices. What the evaluation does
// not understand becomes an opaque term that names the value and the indices, so it never fails, it
// only stops.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_PASSES_GRAPH_ELEMENTS_H
#define QOPT_PASSES_GRAPH_ELEMENTS_H

#include "qopt/Analysis/DimAnalysis.h"

#include <functional>
#include <memory>
#include <optional>

namespace qopt {

/// Indices of an element: affine expressions over the axes' dims and the program's symbols.
using Indices = llvm::SmallVector<mlir::AffineExpr, 4>;

/// cos or sin of `Rate * Angle`.
struct Wave {
  bool IsSine = false;
  double Rate = 0;
  mlir::AffineExpr Angle;

  bool operator==(const Wave &Other) const {
    return IsSine == Other.IsSine && Rate == Other.Rate && Angle == Other.Angle;
  }
};

/// Factor * Count * wave * source. An absent part is 1.
struct Term {
  double Factor = 1;
  mlir::AffineExpr Count;
  std::optional<Wave> Oscillation;
  mlir::Value Source;
  Indices SourceIndices;
};

/// A condition over the indices. Negation is pushed to the leaves.
struct Predicate {
  enum Kind { True, False, NotNegative, And, Or, Unknown };
  Kind K = Unknown;
  mlir::AffineExpr Expr; ///< of NotNegative: Expr >= 0
  std::vector<Predicate> Parts;

  static Predicate constant(bool Value) { return {Value ? True : False, {}, {}}; }
  static Predicate notNegative(mlir::AffineExpr Expr);
  static Predicate conjunction(Predicate A, Predicate B);
  static Predicate disjunction(Predicate A, Predicate B);
  Predicate negate() const;
};

struct Element {
  llvm::SmallVector<Term, 2> Terms; ///< the sum, where there is no choice
  Predicate If;
  std::shared_ptr<const Element> Then, Else;

  bool isChoice() const { return Then != nullptr; }
  /// The number that the element is, whatever the indices.
  std::optional<double> getNumber() const;
  /// The integer expression that the element is.
  mlir::AffineExpr getCount(mlir::MLIRContext *Context) const;
  /// The only term, or null.
  const Term *getSingleTerm() const {
    return !isChoice() && Terms.size() == 1 ? &Terms.front() : nullptr;
  }
};

/// Evaluates elements of the tensors of one function.
class ElementAnalysis {
public:
  /// What an argument (or any other value) holds by contract; nothing leaves it opaque.
  using Contract =
      std::function<std::optional<Element>(mlir::Value, llvm::ArrayRef<mlir::AffineExpr>)>;

  ElementAnalysis(const DimAnalysis &Dims, unsigned NumSymbols, mlir::MLIRContext *Context,
                  Contract Known = {})
      : DimsOf(Dims), NumSymbols(NumSymbols), Context(Context), Known(std::move(Known)) {}

  Element evaluate(mlir::Value Value, llvm::ArrayRef<mlir::AffineExpr> At);

  /// An operand of an elementwise operation whose result has these indices.
  Element operand(mlir::Value Value, llvm::ArrayRef<mlir::AffineExpr> At);

  /// The dims d0, d1, … as indices of a tensor of this rank.
  Indices getIdentity(unsigned Rank) const;

  static Element number(double Value);
  static Element count(mlir::AffineExpr Expr);

private:
  Element compute(mlir::Value Value, const Indices &At);
  Element opaque(mlir::Value Value, const Indices &At) const;
  Element evaluateReshape(ReshapeOp Op, const Indices &At);
  Element evaluateConcat(ConcatOp Op, const Indices &At);
  Element evaluateGather(GatherOp Op, const Indices &At);
  Element evaluateReduce(ReduceOp Op, const Indices &At);
  Element evaluateMatmul(MatmulOp Op, const Indices &At);
  Element evaluateConstant(ConstantOp Op, const Indices &At);
  mlir::AffineExpr simplify(mlir::AffineExpr Expr) const;
  mlir::AffineExpr constant(int64_t Value) const {
    return mlir::getAffineConstantExpr(Value, Context);
  }

  static constexpr unsigned MaxDims = 16;
  static constexpr unsigned MaxDepth = 96;
  const DimAnalysis &DimsOf;
  unsigned NumSymbols;
  mlir::MLIRContext *Context;
  Contract Known;
  llvm::DenseMap<std::pair<mlir::Value, mlir::AffineMap>, Element> Computed;
  unsigned Depth = 0;
};

} // namespace qopt

#endif // QOPT_PASSES_GRAPH_ELEMENTS_H

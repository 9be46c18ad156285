#include "qopt/Targets/Common/AppendForm.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::codegen;

static bool getStream(Value Of, Stream &Result, std::string &Reason) {
  Of = skipCoding(skipReshapes(Of), Result.Coding);
  if (auto Rotary = Of.getDefiningOp<RotaryOp>()) {
    Result.Rotary = Rotary;
    Of = Rotary.getInput();
    if (!isReadablePosition(Rotary.getPositions())) {
      Reason = "the positions of a rotary embedding are computed in the kernel";
      return false;
    }
  }
  Result.Source = skipReshapes(Of);
  if (isa<BlockArgument>(Result.Source))
    return true;
  Reason =
      ("an input is computed by " + Result.Source.getDefiningOp()->getName().getStringRef()).str();
  return false;
}

std::optional<AppendForm> AppendForm::get(const KernelInfo &Info, std::string &Reason) {
  AppendForm Form;
  for (Operation &Op : Info.getOps()) {
    if (auto Append = dyn_cast<KVAppendOp>(Op)) {
      if (Form.Append || !isa<BlockArgument>(Append.getCache()) ||
          !isa<BlockArgument>(Append.getPast())) {
        Reason = "has several appends, or the cache is computed in the kernel";
        return std::nullopt;
      }
      Form.Append = Append;
    } else if (auto Rotary = dyn_cast<RotaryOp>(Op)) {
      Form.Rotaries.push_back(Rotary);
    } else if (!isa<ReshapeOp, PositionsOp, ConstantOp, QuantizeOp, DequantizeOp>(Op)) {
      Reason = ("holds " + Op.getName().getStringRef()).str();
      return std::nullopt;
    }
  }
  if (!Form.Append && Form.Rotaries.empty()) {
    Reason = "has neither kv_append nor rotary";
    return std::nullopt;
  }
  if (Form.Append && (!getStream(Form.Append.getKey(), Form.Key, Reason) ||
                      !getStream(Form.Append.getValue(), Form.Values, Reason)))
    return std::nullopt;
  for (auto [I, Result] : llvm::enumerate(Info.getResults())) {
    Stream Yielded;
    if (!getStream(Result, Yielded, Reason))
      return std::nullopt;
    if (!Yielded.Rotary) {
      Reason = "yields something that no rotary embedding computes";
      return std::nullopt;
    }
    Form.Yielded.push_back({I, Yielded});
  }
  return Form;
}

#include "PanelSums.h"

#include "qopt/Targets/Common/ElementReader.h"
#include "qopt/Targets/Common/PanelWeight.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;
using codegen::ContractionForm;
using codegen::Segment;

bool nvptx::haveWeightsInPanels(const KernelInfo &Info, const ContractionForm &Form,
                                std::string &Reason) {
  for (const Segment &Segment : Form.Segments)
    for (LinearOp Linear : Segment.Linears) {
      auto Layout = Info.getLayout(Linear.getWeight());
      if (isa_and_nonnull<qkernel::FragmentLayoutAttr>(Layout))
        continue;
      auto Panels = dyn_cast_or_null<qkernel::PanelLayoutAttr>(Layout);
      if (Layout && (!Panels || Panels.getRows() != PanelRows)) {
        Reason = "a weight does not lie in panels of 32 rows";
        return false;
      }
      if (codegen::PanelWeight(cast<RankedTensorType>(Linear.getWeight().getType()), PanelRows)
              .hasFloatZeroPoint()) {
        Reason = "a weight has zero points that are floats";
        return false;
      }
    }
  return true;
}

int64_t nvptx::getPanels(const ContractionForm &Form, int64_t Rows) {
  int64_t Panels = 0;
  for (const Segment &Segment : Form.Segments)
    Panels += getPanels(Segment, Rows);
  return Panels;
}

void nvptx::forSegment(KernelBuilder &B, const ContractionForm &Form, Value Panel,
                       function_ref<void(const Segment &, Value)> Body, int64_t Rows) {
  int64_t First = 0;
  for (const Segment &Segment : Form.Segments) {
    Value Mine = B.sub(Panel, B.index(First));
    Value IsMine = B.bitAnd(B.lessThan(B.index(-1), Mine),
                            B.lessThan(Mine, B.index(getPanels(Segment, Rows))));
    B.ifThen(IsMine, [&] { Body(Segment, Mine); });
    First += getPanels(Segment, Rows);
  }
}

Value PanelSums::at(KernelBuilder &B, Value Warp, int64_t Linear, Value Row, Value Output) const {
  Value Index = B.add(B.mul(Warp, int64_t(Form.getMaxLinears())), Linear);
  Index = B.add(B.mul(Index, Rows), Row);
  return B.element(B.shared(Offset), B.add(B.mul(Index, PanelRows), Output), B.getF32Type());
}

LogicalResult PanelSums::emitEpilogue(KernelBuilder &B, const Segment &Segment, Value Panel,
                                      Value FirstRow, Value Count) const {
  LogicalResult Status = success();
  B.setTeam(KernelBuilder::Team::Block);
  B.loopLanes(B.mul(Count, PanelRows), [&](Value I, int64_t) {
    Value Row = B.div(I, PanelRows), InPanel = B.rem(I, PanelRows);
    Value Output = B.add(B.mul(Panel, PanelRows), InPanel);
    B.ifThen(B.lessThan(Output, B.index(Segment.Outputs)), [&] {
      codegen::ElementReader Reader(B);
      for (auto [Number, Linear] : llvm::enumerate(Segment.Linears)) {
        Value Sum;
        for (int64_t Warp = 0; Warp < Warps; ++Warp) {
          Value Part = B.loadScalar(at(B, B.index(Warp), Number, Row, InPanel), B.getF32Type());
          Sum = Sum ? B.add(Sum, Part) : Part;
        }
        Reader.define(Linear->getResult(0), Sum);
      }
      Value Position = B.add(B.mul(B.add(FirstRow, Row), Segment.Outputs), Output);
      for (unsigned Result : Segment.Results)
        if (failed(Reader.store(Result, Position)))
          Status = failure();
    });
  });
  return Status;
}

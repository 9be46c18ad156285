#include "QKernel/QKernel.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Interfaces/FunctionImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

#include <numeric>

using namespace mlir;
using namespace qopt;
using namespace qopt::qkernel;

#include "QKernel/QKernelAttrInterfaces.cpp.inc"
#include "QKernel/QKernelDialect.cpp.inc"
#include "QKernel/QKernelEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "QKernel/QKernelAttributes.cpp.inc"
#define GET_OP_CLASSES
#include "QKernel/QKernelOps.cpp.inc"

void QKernelDialect::initialize() {
  registerAttributes();
  addOperations<
#define GET_OP_LIST
#include "QKernel/QKernelOps.cpp.inc"
      >();
}

void QKernelDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "QKernel/QKernelAttributes.cpp.inc"
      >();
}

//===- layouts --------------------------------------------------------------------------------===//

/// Bytes of one scale (and zero point) of each group.
static int64_t groupOverhead(StoredTypeInterface Stored) {
  Type Zero = Stored.getZeroPointType();
  int64_t ZeroBytes = !Zero ? 0 : isa<FloatType>(Zero) ? Zero.getIntOrFloatBitWidth() / 8 : 1;
  return Stored.getScaleType().getIntOrFloatBitWidth() / 8 + ZeroBytes;
}

/// Groups along one row, the last of which may be short.
static int64_t groupsPerRow(StoredTypeInterface Stored, int64_t Inputs) {
  int64_t Group = Stored.getGroupSize() ? Stored.getGroupSize() : std::max<int64_t>(Inputs, 1);
  return llvm::divideCeil(Inputs, Group);
}

int64_t PlainLayoutAttr::getParameterBytes(RankedTensorType Ty) const {
  StoredTypeInterface Stored = getStoredElementType(Ty);
  int64_t Inputs = Stored ? Ty.getShape().back() : 0;
  return Inputs
             ? Ty.getNumElements() / Inputs * groupsPerRow(Stored, Inputs) * groupOverhead(Stored)
             : 0;
}

int64_t PlainLayoutAttr::getByteSize(RankedTensorType Ty) const {
  StoredTypeInterface Stored = getStoredElementType(Ty);
  if (!Stored)
    return llvm::divideCeil(Ty.getNumElements() * Ty.getElementTypeBitWidth(), 8);
  int64_t Inputs = Ty.getShape().back(), Rows = Inputs ? Ty.getNumElements() / Inputs : 0;
  return Rows * llvm::divideCeil(Inputs * Stored.getCodeBits(), 8) + getParameterBytes(Ty);
}

int64_t PanelLayoutAttr::getParameterBytes(RankedTensorType Ty) const {
  StoredTypeInterface Stored = getStoredElementType(Ty);
  if (!Stored)
    return 0;
  int64_t Panels = llvm::divideCeil(Ty.getDimSize(0), getRows());
  return Panels * getRows() * groupsPerRow(Stored, Ty.getDimSize(1)) * groupOverhead(Stored);
}

int64_t PanelLayoutAttr::getByteSize(RankedTensorType Ty) const {
  int64_t Panels = llvm::divideCeil(Ty.getDimSize(0), getRows()), Inputs = Ty.getDimSize(1);
  StoredTypeInterface Stored = getStoredElementType(Ty);
  if (!Stored)
    return Panels * getRows() * Inputs * Ty.getElementTypeBitWidth() / 8;
  int64_t Group = Stored.getGroupSize() ? Stored.getGroupSize() : std::max<int64_t>(Inputs, 1);
  auto CodeBytes = [&](int64_t Count) {
    return Stored.getCodeBits() <= 4 ? llvm::divideCeil(Count, 8) * 4 : Count;
  };
  int64_t Full = Inputs / Group, Rest = Inputs % Group;
  int64_t PerRow = Full * CodeBytes(Group) + (Rest ? CodeBytes(Rest) : 0);
  return Panels * getRows() * PerRow + getParameterBytes(Ty);
}

int64_t WordPanelLayoutAttr::getParameterBytes(RankedTensorType Ty) const {
  int64_t Panels = llvm::divideCeil(Ty.getDimSize(0), getRows());
  return Panels * getRows() * groupOverhead(getStoredElementType(Ty));
}

int64_t WordPanelLayoutAttr::getByteSize(RankedTensorType Ty) const {
  int64_t Panels = llvm::divideCeil(Ty.getDimSize(0), getRows());
  return Panels * getRows() * llvm::alignTo(Ty.getDimSize(1), 4) + getParameterBytes(Ty);
}

int64_t TileLayoutAttr::getParameterBytes(RankedTensorType Ty) const {
  int64_t Panels = llvm::divideCeil(Ty.getDimSize(0), Rows);
  return Panels * Rows * groupOverhead(getStoredElementType(Ty));
}

int64_t TileLayoutAttr::getByteSize(RankedTensorType Ty) const {
  int64_t Panels = llvm::divideCeil(Ty.getDimSize(0), Rows);
  return Panels * Rows * llvm::alignTo(Ty.getDimSize(1), Inputs) + getParameterBytes(Ty);
}

std::optional<FragmentTiling> FragmentTiling::get(RankedTensorType Ty) {
  StoredTypeInterface Stored = getStoredElementType(Ty);
  if (!Stored || Ty.getRank() != 2 || Stored.getCodeBits() > 4 ||
      isa_and_nonnull<FloatType>(Stored.getZeroPointType()))
    return std::nullopt;
  int64_t K = Ty.getDimSize(1), Group = Stored.getGroupSize();
  bool IsOneGroup = Group == 0 || Group >= K;
  if (!IsOneGroup && Group % UnitInputs)
    return std::nullopt;
  FragmentTiling Tiling;
  Tiling.Panels = llvm::divideCeil(Ty.getDimSize(0), Outputs);
  Tiling.Tiles = llvm::divideCeil(K, Inputs);
  Tiling.Step = IsOneGroup ? Inputs : std::gcd(Group, Inputs);
  Tiling.ScaleBytes = Stored.getScaleType().getIntOrFloatBitWidth() / 8;
  Tiling.ZeroBytes = Stored.hasZeroPoint() ? 1 : 0;
  return Tiling;
}

int64_t FragmentLayoutAttr::getParameterBytes(RankedTensorType Ty) const {
  auto Tiling = FragmentTiling::get(Ty);
  return Tiling
             ? Tiling->Panels * Tiling->Tiles * (Tiling->getTileBytes() - FragmentTiling::CodeBytes)
             : 0;
}

int64_t FragmentLayoutAttr::getByteSize(RankedTensorType Ty) const {
  auto Tiling = FragmentTiling::get(Ty);
  return Tiling ? Tiling->Panels * Tiling->getPanelBytes() : 0;
}

//===- kernel ---------------------------------------------------------------------------------===//

ParseResult KernelOp::parse(OpAsmParser &Parser, OperationState &Result) {
  auto BuildType = [](Builder &B, ArrayRef<Type> Arguments, ArrayRef<Type> Results,
                      function_interface_impl::VariadicFlag,
                      std::string &) { return B.getFunctionType(Arguments, Results); };
  return function_interface_impl::parseFunctionOp(
      Parser, Result, /*allowVariadic=*/false, getFunctionTypeAttrName(Result.name), BuildType,
      getArgAttrsAttrName(Result.name), getResAttrsAttrName(Result.name));
}

void KernelOp::print(OpAsmPrinter &Printer) {
  function_interface_impl::printFunctionOp(Printer, *this, /*isVariadic=*/false,
                                           getFunctionTypeAttrName(), getArgAttrsAttrName(),
                                           getResAttrsAttrName());
}

LogicalResult KernelOp::verify() {
  if (!isa_and_nonnull<YieldOp>(getBody().front().getTerminator()))
    return emitOpError("must end with qkernel.yield");
  return success();
}

LogicalResult YieldOp::verify() {
  auto Kernel = cast<KernelOp>((*this)->getParentOp());
  if (TypeRange(getValues().getTypes()) != TypeRange(Kernel.getResultTypes()))
    return emitOpError() << "gives (" << getValues().getTypes() << "), but the results of '"
                         << Kernel.getSymName() << "' are (" << Kernel.getResultTypes() << ")";
  return success();
}

//===- launch ---------------------------------------------------------------------------------===//

LogicalResult LaunchOp::verify() {
  if (getArena() && getArena()->size() != getNumResults())
    return emitOpError() << "has " << getArena()->size() << " arena offsets for " << getNumResults()
                         << " results";
  return success();
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &Tables) {
  auto Kernel = Tables.lookupNearestSymbolFrom<KernelOp>(*this, getKernelAttr());
  if (!Kernel)
    return emitOpError() << "'" << getKernel() << "' does not name a qkernel.kernel";
  if (TypeRange(Kernel.getArgumentTypes()) != TypeRange(getOperandTypes()))
    return emitOpError() << "passes (" << getOperandTypes() << "), but '" << getKernel()
                         << "' takes (" << Kernel.getArgumentTypes() << ")";
  if (TypeRange(Kernel.getResultTypes()) != TypeRange(getResultTypes()))
    return emitOpError() << "expects (" << getResultTypes() << "), but '" << getKernel()
                         << "' gives (" << Kernel.getResultTypes() << ")";
  return success();
}

LogicalResult LaunchOp::inferResultDims(ArrayRef<Dims>, SmallVectorImpl<Dims> &Results) {
  auto Kernel = SymbolTable::lookupNearestSymbolFrom<KernelOp>(*this, getKernelAttr());
  if (!Kernel)
    return emitOpError() << "'" << getKernel() << "' does not name a qkernel.kernel";
  for (auto [I, Ty] : llvm::enumerate(getResultTypes())) {
    auto Map = Kernel.getResultAttrOfType<AffineMapAttr>(I, QOptDialect::getDimsAttrName());
    auto Tensor = dyn_cast<RankedTensorType>(Ty);
    if (Map)
      Results.emplace_back(Map.getValue().getResults());
    else if (!Tensor)
      Results.emplace_back();
    else if (Tensor.hasStaticShape())
      Results.push_back(llvm::map_to_vector<4>(Tensor.getShape(), [&](int64_t Size) {
        return getAffineConstantExpr(Size, getContext());
      }));
    else
      return emitOpError() << "result " << I << " of '" << getKernel() << "' has no '"
                           << QOptDialect::getDimsAttrName() << "'";
  }
  return success();
}

#include "qopt/Targets/Common/CacheSide.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::codegen;

int64_t codegen::getPaddedCapacity(KVCacheType Cache) {
  return llvm::alignTo(Cache.getCapacity(), 16);
}

int64_t CacheSide::getHeadElements() const {
  return int64_t(llvm::alignTo(Cache.getCapacity(), Form.Interleaved)) * Cache.getHeadSize();
}

int64_t CacheSide::getScalesStart() const {
  int64_t Elements = Cache.getHeads() * getHeadElements() + Form.PastTheEnd;
  return llvm::alignTo(Elements * getElementBytes(getElement()), Form.Alignment);
}

int64_t CacheSide::getRowBytes() const {
  if (!getStored())
    return getScalesStart();
  return llvm::alignTo(getScaleIndex(Cache.getHeads(), 0) *
                           getElementBytes(getStored().getScaleType()),
                       Form.Alignment);
}

artefact::CacheLayout CacheSide::getLayout() const {
  artefact::CacheLayout Layout;
  Layout.Heads = Cache.getHeads();
  Layout.HeadSize = Cache.getHeadSize();
  Layout.Capacity = Cache.getCapacity();
  Layout.Head = getHeadElements();
  Layout.BlockSize = Layout.Channel = Form.Interleaved;
  Layout.Block = Cache.getHeadSize() * Layout.BlockSize;
  Layout.Lane = Form.Interleaved > 1 ? 1 : 0;
  return Layout;
}

int64_t CacheSide::getScaleIndex(int64_t Head, int64_t Position) const {
  if (!getStored())
    return 0;
  return getScalesStart() / getElementBytes(getStored().getScaleType()) +
         Head * getPaddedCapacity(Cache) + Position;
}

Value CacheSide::getHead(KernelBuilder &B, Value Base, Value Batch, Value Head) const {
  Value Row = B.bytes(Base, B.mul(Batch, getRowBytes()));
  return B.element(Row, B.mul(Head, getHeadElements()), getElement());
}

Value CacheSide::getScales(KernelBuilder &B, Value Base, Value Batch, Value Head) const {
  Value Row = B.bytes(Base, B.add(B.mul(Batch, getRowBytes()), getScalesStart()));
  return B.element(Row, B.mul(Head, getPaddedCapacity(Cache)), getStored().getScaleType());
}

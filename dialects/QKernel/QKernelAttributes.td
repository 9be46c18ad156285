#ifndef QKERNEL_ATTRIBUTES
#define QKERNEL_ATTRIBUTES

include "QKernel/QKernelDialect.td"
include "QKernel/QKernelInterfaces.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

class QKernel_Attr<string name, string attrMnemonic, list<Trait> traits = []> : AttrDef<QKernel_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

def QKernel_PlainLayoutAttr : QKernel_Attr<"PlainLayout", "plain", [DeclareAttrInterfaceMethods<QKernel_WeightLayoutInterface>]> {
  let summary = "Row-major elements, as in the model";
  let assemblyFormat = "";
}

def QKernel_PanelLayoutAttr : QKernel_Attr<"PanelLayout", "panels", [DeclareAttrInterfaceMethods<QKernel_WeightLayoutInterface>]> {
  let summary = "Panels of rows, interleaved so that one vector holds one input channel of many outputs";
  let description = [{
    A matrix `[N, K]` in panels of `rows` outputs; the last panel is padded with rows of zeros. Within a panel:

    - float weights: `[K][rows]` elements;
    - 8-bit codes: for each group, `[group][rows]` bytes, then `[rows]` scales, then `[rows]` zero points (a byte each, or floats) where the type has them;
    - 4-bit codes: for each group, `[ceil(group / 8)][rows]` words of 32 bits, bits 4j..4j+3 of a word being input 8i + j; then scales and zero points as above.

    The last group is as long as K leaves it (4-bit: rounded up to 8 inputs, padded with the code that reads as zero).
    Groups begin at multiples of 4 bytes.
  }];
  let parameters = (ins "int64_t":$rows);
  let assemblyFormat = "`<` $rows `>`";
}

def QKernel_WordPanelLayoutAttr : QKernel_Attr<"WordPanelLayout", "word_panels", [DeclareAttrInterfaceMethods<QKernel_WeightLayoutInterface>]> {
  let summary = "Panels of rows whose 8-bit codes lie in words of four inputs";
  let description = [{
    For products of bytes (`qkernel.dot4`): a matrix `[N, K]` of 8-bit codes without zero points, one scale per row, in panels of `rows` outputs; the last panel is padded with rows of zeros.
    Within a panel `[ceil(K / 4)][rows]` words of 32 bits, byte j of a word being input 4i + j (zero from K on), then `[rows]` scales.
  }];
  let parameters = (ins "int64_t":$rows);
  let assemblyFormat = "`<` $rows `>`";
}

#endif

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

def QKernel_TileLayoutAttr : QKernel_Attr<"TileLayout", "swizzled_tiles", [DeclareAttrInterfaceMethods<QKernel_WeightLayoutInterface>]> {
  let summary = "Tiles of 128 outputs and 128 inputs of 8-bit codes, as tensor cores read them from shared memory";
  let description = [{
    A matrix `[N, K]` of 8-bit codes without zero points, one scale per row, in panels of 128 outputs; outputs and inputs are padded with zeros to multiples of 128.
    A panel is `[ceil(K / 128)]` tiles of 16 KiB, then `[128]` scales. Row `r` of a tile is its bytes `128 r` to `128 r + 127`; the 16 bytes from input `16 c` on lie
    at place `c xor (r mod 8)` of the row, which is the swizzle of 128 bytes that `wgmma` reads. A tile is copied to shared memory as it lies.
  }];
  let extraClassDeclaration = [{
    /// Outputs of a panel, and inputs (bytes) of a row of a tile.
    static constexpr int64_t Rows = 128, Inputs = 128, TileBytes = Rows * Inputs;
    /// Where a code lies in its panel.
    static int64_t getPlace(int64_t row, int64_t input) {
      int64_t chunk = input % Inputs / 16 ^ row % 8;
      return input / Inputs * TileBytes + row * Inputs + chunk * 16 + input % 16;
    }
  }];
  let assemblyFormat = "";
}

def QKernel_FragmentLayoutAttr : QKernel_Attr<"FragmentLayout", "fragments", [DeclareAttrInterfaceMethods<QKernel_WeightLayoutInterface>]> {
  let summary = "Panels of 32 outputs in the order in which the lanes of a warp hold a matrix operand";
  let description = [{
    For tensor cores: a matrix `[N, K]` in panels of 32 outputs, each cut into tiles of 128 inputs (`FragmentTiling`). Both are padded with zeros. Lane l = 4g + q of a warp multiplies
    outputs g, g + 8, g + 16 and g + 24. A tile is, without gaps:

    - codes, `[4][32]` pieces of 16 bytes: those of 32 inputs for each lane; its words are of outputs g, g + 8, g + 16, g + 24, bits 4j..4j+3 being input 8q + j;
    - scales, `[8][steps][4]`: for g the inputs that share a scale (32, 64 or 128 of them, the most that divide a group), and for those outputs g, g + 8, g + 16, g + 24;
    - zero points where the type has them, in the same order, a byte each.

    Taken are codes of at most 4 bits in groups of a multiple of 32, or one group, with zero points that are codes.
  }];
  let assemblyFormat = "";
}

#endif

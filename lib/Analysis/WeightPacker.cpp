#include "qopt/Analysis/WeightPacker.h"

#include "qopt/Base/BulkFormats.h"
#include "qopt/Base/NumberFormats.h"

#include <atomic>
#include <cmath>
#include <cstring>
#include <mutex>
#include <thread>

using namespace mlir;
using namespace qopt;

namespace {
/// Bytes appended one value after another, little endian.
class ByteBuilder {
public:
  explicit ByteBuilder(size_t Expected) { Bytes.reserve(Expected); }
  template <typename T> void put(T Value) { std::memcpy(grow(sizeof(T)), &Value, sizeof(T)); }
  /// Room for so many bytes at the end.
  char *grow(size_t Count) {
    Bytes.resize(Bytes.size() + Count);
    return Bytes.data() + Bytes.size() - Count;
  }
  void putFloat(Type Element, float Value) {
    if (Element.isF16())
      put(halfFromFloat(Value));
    else if (Element.isBF16())
      put(bfloatFromFloat(Value));
    else
      put(Value);
  }
  std::vector<char> take() { return std::move(Bytes); }

private:
  std::vector<char> Bytes;
};
} // namespace

std::vector<char> qopt::packFloatPanel(Type Element, const float *Values, int64_t Rows,
                                       int64_t Columns, int64_t PanelRows) {
  ByteBuilder Bytes(PanelRows * Columns * Element.getIntOrFloatBitWidth() / 8);
  for (int64_t Column = 0; Column < Columns; ++Column)
    for (int64_t Row = 0; Row < PanelRows; ++Row)
      Bytes.putFloat(Element, Row < Rows ? Values[Row * Columns + Column] : 0.0f);
  return Bytes.take();
}

/// The code that stands where there is no element: it reads as zero.
static int64_t paddingCode(StoredTypeInterface Type, const QuantizedRows &Rows, int64_t Row,
                           int64_t Group) {
  if (isa_and_nonnull<IntegerType>(Type.getZeroPointType()) && Row < Rows.Rows)
    return int64_t(Rows.ZeroPoints[Row * Rows.Groups + Group]);
  return Type.getImplicitZeroPoint();
}

/// Zero points of a group, for each row of the panel.
static void putZeroPoints(ByteBuilder &Bytes, StoredTypeInterface Type, const QuantizedRows &Rows,
                          int64_t PanelRows, int64_t Group) {
  auto Float = dyn_cast<FloatType>(Type.getZeroPointType());
  for (int64_t Row = 0; Row < PanelRows; ++Row) {
    if (!Float)
      Bytes.put(uint8_t(paddingCode(Type, Rows, Row, Group)));
    else
      Bytes.putFloat(Float, Row < Rows.Rows ? Rows.ZeroPoints[Row * Rows.Groups + Group] : 0.0f);
  }
}

/// Words of eight 4-bit codes for inputs [Begin, End) of all rows of the panel.
static void putWords(ByteBuilder &Bytes, StoredTypeInterface Type, const QuantizedRows &Rows,
                     int64_t PanelRows, int64_t Group, int64_t Begin, int64_t End) {
  char *Out = Bytes.grow(llvm::divideCeil(End - Begin, 8) * PanelRows * 4);
  for (int64_t Row = 0; Row < PanelRows; ++Row) {
    const int16_t *Codes = Row < Rows.Rows ? &Rows.Codes[Row * Rows.Columns] : nullptr;
    uint32_t Padding = uint32_t(paddingCode(Type, Rows, Row, Group) & 15);
    for (int64_t First = Begin; First < End; First += 8) {
      uint32_t Word = 0;
      for (int64_t J = 0; J < 8; ++J) {
        uint32_t Code = Codes && First + J < End ? uint32_t(Codes[First + J] & 15) : Padding;
        Word |= Code << (4 * J);
      }
      std::memcpy(Out + ((First - Begin) / 8 * PanelRows + Row) * 4, &Word, 4);
    }
  }
}

static void putBytes(ByteBuilder &Bytes, StoredTypeInterface Type, const QuantizedRows &Rows,
                     int64_t PanelRows, int64_t Group, int64_t Begin, int64_t End) {
  char *Out = Bytes.grow((End - Begin) * PanelRows);
  for (int64_t Row = 0; Row < PanelRows; ++Row) {
    const int16_t *Codes = Row < Rows.Rows ? &Rows.Codes[Row * Rows.Columns] : nullptr;
    char Padding = char(paddingCode(Type, Rows, Row, Group));
    for (int64_t Column = Begin; Column < End; ++Column)
      Out[(Column - Begin) * PanelRows + Row] = Codes ? char(Codes[Column]) : Padding;
  }
}

std::vector<char> qopt::packCodePanel(StoredTypeInterface Type, const QuantizedRows &Rows,
                                      int64_t PanelRows) {
  int64_t GroupSize =
      Type.getGroupSize() ? Type.getGroupSize() : std::max<int64_t>(Rows.Columns, 1);
  ByteBuilder Bytes(PanelRows * Rows.Columns);
  for (int64_t Group = 0; Group < Rows.Groups; ++Group) {
    int64_t Begin = Group * GroupSize, End = std::min(Begin + GroupSize, Rows.Columns);
    if (Type.getCodeBits() <= 4)
      putWords(Bytes, Type, Rows, PanelRows, Group, Begin, End);
    else
      putBytes(Bytes, Type, Rows, PanelRows, Group, Begin, End);
    for (int64_t Row = 0; Row < PanelRows; ++Row)
      Bytes.putFloat(Type.getScaleType(),
                     Row < Rows.Rows ? Rows.Scales[Row * Rows.Groups + Group] : 0.0f);
    if (Type.hasZeroPoint())
      putZeroPoints(Bytes, Type, Rows, PanelRows, Group);
  }
  return Bytes.take();
}

std::vector<char> qopt::packWordPanel(StoredTypeInterface Type, const QuantizedRows &Rows,
                                      int64_t PanelRows) {
  int64_t Words = llvm::divideCeil(Rows.Columns, 4);
  ByteBuilder Bytes(PanelRows * (4 * Words + 4));
  char *Out = Bytes.grow(PanelRows * 4 * Words);
  for (int64_t Row = 0; Row < Rows.Rows; ++Row)
    for (int64_t Column = 0; Column < Rows.Columns; ++Column)
      Out[(Column / 4 * PanelRows + Row) * 4 + Column % 4] =
          char(Rows.Codes[Row * Rows.Columns + Column]);
  for (int64_t Row = 0; Row < PanelRows; ++Row)
    Bytes.putFloat(Type.getScaleType(), Row < Rows.Rows ? Rows.Scales[Row] : 0.0f);
  return Bytes.take();
}

std::vector<char> qopt::packTilePanel(StoredTypeInterface Type, const QuantizedRows &Rows) {
  using Tiles = qkernel::TileLayoutAttr;
  int64_t CodeBytes = Tiles::Rows * llvm::alignTo(Rows.Columns, Tiles::Inputs);
  ByteBuilder Bytes(CodeBytes + Tiles::Rows * 4);
  char *Out = Bytes.grow(CodeBytes);
  for (int64_t Row = 0; Row < Rows.Rows; ++Row)
    for (int64_t Column = 0; Column < Rows.Columns; ++Column)
      Out[Tiles::getPlace(Row, Column)] = char(Rows.Codes[Row * Rows.Columns + Column]);
  for (int64_t Row = 0; Row < Tiles::Rows; ++Row)
    Bytes.putFloat(Type.getScaleType(), Row < Rows.Rows ? Rows.Scales[Row] : 0.0f);
  return Bytes.take();
}

static void setFloat(char *At, Type Element, float Value) {
  if (Element.isF32())
    return void(std::memcpy(At, &Value, 4));
  uint16_t Bits = Element.isF16() ? halfFromFloat(Value) : bfloatFromFloat(Value);
  std::memcpy(At, &Bits, 2);
}

using qkernel::FragmentTiling;

/// Scales and zero points of one output.
static void setFragmentScales(char *Tiles, StoredTypeInterface Type, const QuantizedRows &Rows,
                              const FragmentTiling &Tiling, int64_t Row) {
  int64_t GroupSize = Type.getGroupSize() ? Type.getGroupSize() : Rows.Columns;
  for (int64_t First = 0; First < Rows.Columns; First += Tiling.Step) {
    char *Tile = Tiles + First / FragmentTiling::Inputs * Tiling.getTileBytes();
    int64_t Step = First % FragmentTiling::Inputs / Tiling.Step;
    int64_t InTile = (Row % 8 * Tiling.getSteps() + Step) * 4 + Row / 8;
    int64_t Index = Row * Rows.Groups + First / GroupSize;
    setFloat(Tile + FragmentTiling::CodeBytes + InTile * Tiling.ScaleBytes, Type.getScaleType(),
             Rows.Scales[Index]);
    if (Type.hasZeroPoint())
      Tile[Tiling.getZerosOffset() + InTile] = char(Rows.ZeroPoints[Index]);
  }
}

std::vector<char> qopt::packFragmentPanel(StoredTypeInterface Type, const QuantizedRows &Rows,
                                          const FragmentTiling &Tiling) {
  std::vector<char> Bytes(Tiling.getPanelBytes(), 0);
  for (int64_t Row = 0; Row < Rows.Rows; ++Row) {
    for (int64_t Column = 0; Column < Rows.Columns; ++Column) {
      char *Tile = Bytes.data() + Column / FragmentTiling::Inputs * Tiling.getTileBytes();
      int64_t Unit = Column % FragmentTiling::Inputs / FragmentTiling::UnitInputs;
      int64_t InUnit = Column % FragmentTiling::UnitInputs;
      int64_t Lane = Row % 8 * 4 + InUnit / 8;
      int64_t At = (Unit * FragmentTiling::Outputs + Lane) * FragmentTiling::LaneBytes +
                   Row / 8 * 4 + InUnit % 8 / 2;
      Tile[At] |= char((Rows.Codes[Row * Rows.Columns + Column] & 15) << (Column % 2 * 4));
    }
    setFragmentScales(Bytes.data(), Type, Rows, Tiling, Row);
  }
  return Bytes;
}

namespace {

/// How the rows of a panel lie.
enum class PanelForm { Plain, Interleaved, Words, Tiles, Fragments };

/// Packs one weight; each panel is independent.
class PanelPacker {
public:
  PanelPacker(WeightOp Weight, const WeightReader &Reader, int64_t PanelRows, PanelForm Form,
              const Scheme *Codes)
      : Name(Weight.getSymName()), Type(cast<RankedTensorType>(Weight.getType())), Reader(Reader),
        PanelRows(PanelRows), Form(Form), Codes(Codes) {}

  int64_t getPanels() const { return llvm::divideCeil(Reader.getRows(), PanelRows); }

  Result<std::vector<char>> pack(int64_t Panel) const {
    int64_t First = Panel * PanelRows;
    int64_t Rows = std::min(PanelRows, Reader.getRows() - First), Columns = Reader.getColumns();
    if (getStoredElementType(Type) && !Codes) {
      QuantizedRows OfFile;
      Reader.readCodes(First, Rows, OfFile);
      return packCodes(OfFile);
    }
    std::vector<float> Values(Rows * Columns);
    Reader.readRows(First, Rows, Values.data());
    StoredTypeInterface Stored = getStoredElementType(Type);
    if (!Stored) {
      if (Form == PanelForm::Interleaved)
        return packFloatPanel(Type.getElementType(), Values.data(), Rows, Columns, PanelRows);
      ByteBuilder Bytes(Values.size() * 4);
      for (float Value : Values)
        Bytes.putFloat(Type.getElementType(), Value);
      return Bytes.take();
    }
    if (!allFinite(Values.data(), Values.size())) {
      int64_t I =
          llvm::find_if(Values, [](float Value) { return !std::isfinite(Value); }) - Values.begin();
      return makeError(StatusCode::BadInput, "weight '", Name, "': element [", First + I / Columns,
                       ", ", I % Columns, "] is ", Values[I],
                       ", which no code can hold; keep this weight in a float format");
    }
    QuantizedRows Quantized;
    Codes->quantizeRows(Stored, Values.data(), Rows, Columns, Quantized);
    return packCodes(Quantized);
  }

private:
  /// Rows are padded to a whole panel only where they are interleaved.
  std::vector<char> packCodes(const QuantizedRows &Rows) const {
    StoredTypeInterface Stored = getStoredElementType(Type);
    if (Form == PanelForm::Words)
      return packWordPanel(Stored, Rows, PanelRows);
    if (Form == PanelForm::Tiles)
      return packTilePanel(Stored, Rows);
    if (Form == PanelForm::Fragments)
      return packFragmentPanel(Stored, Rows, *FragmentTiling::get(Type));
    return packCodePanel(Stored, Rows, Form == PanelForm::Interleaved ? PanelRows : Rows.Rows);
  }

  std::string Name;
  RankedTensorType Type;
  const WeightReader &Reader;
  int64_t PanelRows;
  PanelForm Form;
  /// Null where the codes are those of the file.
  const Scheme *Codes;
};

} // namespace

/// Runs `Work(i)` for 0 <= i < Count on up to `Threads` threads; the first error (by index) is
/// returned.
static Status forEachPanel(int64_t Count, unsigned Threads,
                           const std::function<Status(int64_t)> &Work) {
  std::atomic<int64_t> Next{0};
  std::mutex Mutex;
  std::pair<int64_t, Status> First{Count, Status()};
  auto Loop = [&] {
    for (int64_t I; (I = Next.fetch_add(1)) < Count;)
      if (Status Error = Work(I); !Error.ok()) {
        std::lock_guard<std::mutex> Lock(Mutex);
        if (I < First.first)
          First = {I, Error};
        Next = Count;
      }
  };
  std::vector<std::thread> Pool;
  for (unsigned T = 1; T < Threads && T < Count; ++T)
    Pool.emplace_back(Loop);
  Loop();
  for (std::thread &Thread : Pool)
    Thread.join();
  return First.second;
}

/// How the rows of a weight lie, and those of a panel; none for a type that the layout does not
/// take.
static std::optional<std::pair<PanelForm, int64_t>> getForm(qkernel::WeightLayoutInterface Layout,
                                                            RankedTensorType Ty) {
  if (auto Panels = dyn_cast<qkernel::PanelLayoutAttr>(Layout))
    return {{PanelForm::Interleaved, Panels.getRows()}};
  if (auto Words = dyn_cast<qkernel::WordPanelLayoutAttr>(Layout))
    return {{PanelForm::Words, Words.getRows()}};
  if (isa<qkernel::FragmentLayoutAttr>(Layout) && FragmentTiling::get(Ty))
    return {{PanelForm::Fragments, FragmentTiling::Outputs}};
  if (isa<qkernel::TileLayoutAttr>(Layout))
    return {{PanelForm::Tiles, qkernel::TileLayoutAttr::Rows}};
  if (isa<qkernel::PlainLayoutAttr>(Layout) && !getStoredElementType(Ty))
    return {{PanelForm::Plain, 0}};
  return std::nullopt;
}

Status qopt::packWeight(WeightOp Weight, qkernel::WeightLayoutInterface Layout,
                        const SchemeRegistry &Schemes, const SourceBytes &Sources, unsigned Threads,
                        const PackedSink &Sink) {
  auto Ty = cast<RankedTensorType>(Weight.getType());
  StoredTypeInterface Stored = getStoredElementType(Ty);
  auto Form = getForm(Layout, Ty);
  if (!Form)
    return makeError(StatusCode::Internal, "weight '", Weight.getSymName().str(),
                     "' has a layout that cannot be packed for its type");
  const Scheme *Codes = Stored ? Schemes.find(Weight.getScheme().value_or("")) : nullptr;
  if (Stored && !Codes && Weight.getScheme() != StringRef(FileScheme))
    return makeError(StatusCode::Unsupported, "weight '", Weight.getSymName().str(),
                     "': no scheme '", Weight.getScheme().value_or("").str(),
                     "'; known schemes: ", llvm::join(Schemes.getNames(), ", "));
  auto Reader = WeightReader::open(Weight, Sources);
  if (!Reader)
    return Reader.status();
  // Plain rows go out in pieces of about 64 KiB.
  bool IsPlain = Form->first == PanelForm::Plain;
  int64_t PanelRows =
      IsPlain ? std::max<int64_t>(1, (1 << 14) / std::max<int64_t>(1, Reader->getColumns()))
              : Form->second;
  PanelPacker Packer(Weight, *Reader, PanelRows, Form->first, Codes);
  int64_t Total = Layout.getByteSize(Ty);
  int64_t PanelBytes = IsPlain ? PanelRows * Reader->getColumns() * Ty.getElementTypeBitWidth() / 8
                       : Packer.getPanels() ? Total / Packer.getPanels()
                                            : 0;
  return forEachPanel(Packer.getPanels(), Threads, [&](int64_t Panel) -> Status {
    auto Bytes = Packer.pack(Panel);
    if (!Bytes)
      return Bytes.status();
    return Sink(Panel * PanelBytes, *Bytes);
  });
}

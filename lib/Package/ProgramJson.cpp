#include "qopt/Package/ProgramJson.h"

#include "ExpressionJson.h"

namespace qopt {

using namespace artefact;

static constexpr const char *BufferKindNames[] = {"input",  "output", "state",
                                                  "weight", "rotary", "arena"};

static OrderedJson shapeToJson(const Buffer &B, const Program &P) {
  OrderedJson Shape = OrderedJson::array();
  for (const Expression &Dimension : B.Shape)
    Shape.push_back(expressionToJson(Dimension, P.Symbols));
  return Shape;
}

static OrderedJson bufferToJson(const Buffer &B, const Program &P) {
  OrderedJson J;
  J["name"] = B.Name;
  J["kind"] = BufferKindNames[static_cast<int>(B.Kind)];
  switch (B.Kind) {
  case BufferKind::Input:
  case BufferKind::Output:
    J["type"] = dataTypeName(B.Type);
    J["shape"] = shapeToJson(B, P);
    if (B.Range)
      J["range"] = {B.Range->Min, B.Range->Max};
    break;
  case BufferKind::State:
    J["type"] = dataTypeName(B.Type);
    J["row_bytes"] = B.RowBytes;
    break;
  case BufferKind::Weight:
    J["tensor"] = B.Tensor;
    break;
  case BufferKind::Rotary:
    J["inverse_frequencies"] = B.Frequencies;
    J["positions"] = B.Positions;
    J["scale"] = B.Scale;
    break;
  case BufferKind::Arena:
    J["offset"] = B.Offset;
    J["bytes"] = expressionToJson(B.Bytes, P.Symbols);
    break;
  }
  return J;
}

/// One thread without shared memory is not spelled out.
static OrderedJson variantToJson(const Variant &V) {
  OrderedJson J{{"isa", V.Isa}, {"symbol", V.Symbol}};
  if (V.Threads != 1)
    J["threads"] = V.Threads;
  if (V.SharedBytes != 0)
    J["shared_bytes"] = V.SharedBytes;
  return J;
}

static OrderedJson kernelToJson(const Kernel &K) {
  OrderedJson Variants = OrderedJson::array();
  for (const Variant &V : K.Variants)
    Variants.push_back(variantToJson(V));
  return OrderedJson{{"name", K.Name}, {"variants", Variants}};
}

static OrderedJson launchToJson(const Launch &L, const Program &P) {
  OrderedJson J;
  J["name"] = L.Name;
  J["kernel"] = L.Kernel;
  J["buffers"] = L.Buffers;
  J["range"] = expressionToJson(L.Range, P.Symbols);
  if (!L.When.empty()) {
    OrderedJson When = OrderedJson::array();
    for (const Guard &G : L.When)
      When.push_back(OrderedJson{{"value", expressionToJson(G.Value, P.Symbols)},
                                 {"min", G.Range.Min},
                                 {"max", G.Range.Max}});
    J["when"] = When;
  }
  if (L.Continues)
    J["continues"] = true;
  J["reads"] = expressionToJson(L.Reads, P.Symbols);
  J["writes"] = expressionToJson(L.Writes, P.Symbols);
  return J;
}

template <typename T, typename F>
static OrderedJson listToJson(const std::vector<T> &Items, F One) {
  OrderedJson List = OrderedJson::array();
  for (const T &Item : Items)
    List.push_back(One(Item));
  return List;
}

std::string printProgram(const Program &P) {
  OrderedJson J;
  J["schema"] = Schema;
  J["symbols"] = listToJson(P.Symbols, [](const Symbol &S) {
    return OrderedJson{{"name", S.Name}, {"min", S.Range.Min}, {"max", S.Range.Max}};
  });
  J["arena_bytes"] = P.ArenaBytes;
  J["scratch_bytes"] = P.ScratchBytes;
  J["buffers"] = listToJson(P.Buffers, [&](const Buffer &B) { return bufferToJson(B, P); });
  J["kernels"] = listToJson(P.Kernels, kernelToJson);
  J["launches"] = listToJson(P.Launches, [&](const Launch &L) { return launchToJson(L, P); });
  return printJson(J);
}

static Symbol symbolEntry(const JsonView &View) {
  View.allowOnly({"name", "min", "max"});
  Symbol S;
  S.Name = View.member("name").string();
  S.Range.Min = View.member("min").integer(0, INT64_MAX);
  S.Range.Max = View.member("max").integer(S.Range.Min, INT64_MAX);
  return S;
}

static BufferKind bufferKind(const JsonView &View) {
  std::string Name = View.string();
  for (int I = 0; I < 6; ++I)
    if (Name == BufferKindNames[I])
      return static_cast<BufferKind>(I);
  View.fail("unknown buffer kind \"" + Name + "\"");
  return BufferKind::Arena;
}

static std::optional<Interval> rangeEntry(const JsonView &View) {
  if (!View.expect(View.json().is_array() && View.json().size() == 2, "[min, max]"))
    return std::nullopt;
  std::vector<int64_t> Ends;
  View.forEach([&](const JsonView &End) { Ends.push_back(End.integer()); });
  if (!View.failed() && Ends[0] > Ends[1])
    View.fail("the range is empty");
  if (View.failed())
    return std::nullopt;
  return Interval{Ends[0], Ends[1]};
}

static void tensorEntry(const JsonView &View, Buffer &B, const Program &P) {
  View.allowOnly({"name", "kind", "type", "shape", "range"});
  B.Type = View.member("type").dataType();
  View.member("shape").forEach([&](const JsonView &Dimension) {
    B.Shape.push_back(expressionFromJson(Dimension, P.Symbols));
  });
  if (View.has("range"))
    B.Range = rangeEntry(View.member("range"));
}

static void rotaryEntry(const JsonView &View, Buffer &B) {
  View.allowOnly({"name", "kind", "inverse_frequencies", "positions", "scale"});
  View.member("inverse_frequencies").forEach([&](const JsonView &Frequency) {
    B.Frequencies.push_back(Frequency.number());
  });
  B.Positions = View.member("positions").integer(1, INT64_MAX);
  B.Scale = View.member("scale").number();
}

static Buffer bufferEntry(const JsonView &View, const Program &P) {
  Buffer B;
  B.Name = View.member("name").string();
  B.Kind = bufferKind(View.member("kind"));
  switch (B.Kind) {
  case BufferKind::Input:
  case BufferKind::Output:
    tensorEntry(View, B, P);
    break;
  case BufferKind::State:
    View.allowOnly({"name", "kind", "type", "row_bytes"});
    B.Type = View.member("type").dataType();
    B.RowBytes = View.member("row_bytes").integer(0, INT64_MAX);
    break;
  case BufferKind::Weight:
    View.allowOnly({"name", "kind", "tensor"});
    B.Tensor = View.member("tensor").string();
    break;
  case BufferKind::Rotary:
    rotaryEntry(View, B);
    break;
  case BufferKind::Arena:
    View.allowOnly({"name", "kind", "offset", "bytes"});
    B.Offset = View.member("offset").integer(0, INT64_MAX);
    B.Bytes = expressionFromJson(View.member("bytes"), P.Symbols);
    break;
  }
  return B;
}

static Variant variantEntry(const JsonView &View) {
  View.allowOnly({"isa", "symbol", "threads", "shared_bytes"});
  Variant V;
  V.Isa = View.member("isa").string();
  V.Symbol = View.member("symbol").string();
  if (View.has("threads"))
    V.Threads = View.member("threads").integer();
  if (View.has("shared_bytes"))
    V.SharedBytes = View.member("shared_bytes").integer();
  return V;
}

static Kernel kernelEntry(const JsonView &View) {
  View.allowOnly({"name", "variants"});
  Kernel K;
  K.Name = View.member("name").string();
  View.member("variants").forEach([&](const JsonView &Entry) {
    K.Variants.push_back(variantEntry(Entry));
  });
  return K;
}

static Guard guardEntry(const JsonView &View, const Program &P) {
  View.allowOnly({"value", "min", "max"});
  Guard G;
  G.Value = expressionFromJson(View.member("value"), P.Symbols);
  G.Range.Min = View.member("min").integer();
  G.Range.Max = View.member("max").integer();
  return G;
}

static Launch launchEntry(const JsonView &View, const Program &P) {
  View.allowOnly({"name", "kernel", "buffers", "range", "when", "continues", "reads", "writes"});
  Launch L;
  L.Name = View.member("name").string();
  L.Kernel = View.member("kernel").integer();
  View.member("buffers").forEach(
      [&](const JsonView &Index) { L.Buffers.push_back(Index.integer()); });
  L.Range = expressionFromJson(View.member("range"), P.Symbols);
  if (View.has("when"))
    View.member("when").forEach(
        [&](const JsonView &Entry) { L.When.push_back(guardEntry(Entry, P)); });
  if (View.has("continues"))
    L.Continues = View.member("continues").boolean();
  L.Reads = expressionFromJson(View.member("reads"), P.Symbols);
  L.Writes = expressionFromJson(View.member("writes"), P.Symbols);
  return L;
}

Result<Program> parseProgram(std::string_view Text, const std::string &Name) {
  Result<nlohmann::json> Json = parseJson(Text, Name);
  if (!Json)
    return Json.status();
  Status Error;
  JsonView View(*Json, Name, Error);
  Program P;
  checkSchema(View);
  View.allowOnly(
      {"schema", "symbols", "arena_bytes", "scratch_bytes", "buffers", "kernels", "launches"});
  View.member("symbols").forEach(
      [&](const JsonView &Entry) { P.Symbols.push_back(symbolEntry(Entry)); });
  P.ArenaBytes = View.member("arena_bytes").integer(0, INT64_MAX);
  P.ScratchBytes = View.member("scratch_bytes").integer(0, INT64_MAX);
  View.member("buffers").forEach(
      [&](const JsonView &Entry) { P.Buffers.push_back(bufferEntry(Entry, P)); });
  View.member("kernels").forEach(
      [&](const JsonView &Entry) { P.Kernels.push_back(kernelEntry(Entry)); });
  View.member("launches").forEach([&](const JsonView &Entry) {
    P.Launches.push_back(launchEntry(Entry, P));
  });
  if (!Error.ok())
    return Error;
  return P;
}

} // namespace qopt

#include "qopt/Package/ManifestJson.h"

#include "JsonPrinter.h"
#include "JsonReader.h"

namespace qopt {

using namespace artefact;

static OrderedJson signatureToJson(const std::vector<SignatureValue> &Values) {
  OrderedJson List = OrderedJson::array();
  for (const SignatureValue &V : Values) {
    OrderedJson J;
    J["name"] = V.Name;
    J["type"] = dataTypeName(V.Type);
    J["shape"] = V.Shape;
    List.push_back(J);
  }
  return List;
}

static OrderedJson weightToJson(const WeightRecord &W) {
  OrderedJson J;
  J["name"] = W.Name;
  J["shape"] = W.Shape;
  J["stored"] = W.Stored;
  J["group"] = W.Group;
  J["symmetric"] = W.Symmetric;
  J["scale"] = W.ScaleType;
  J["scheme"] = W.Scheme;
  J["reason"] = W.Reason;
  J["bytes"] = W.Bytes;
  J["matrix"] = W.Matrix;
  J["source"] = W.Source;
  return J;
}

template <typename T>
static OrderedJson pairsToJson(const std::vector<std::pair<std::string, T>> &Pairs) {
  OrderedJson J = OrderedJson::object();
  for (const auto &[Key, Value] : Pairs)
    J[Key] = Value;
  return J;
}

static OrderedJson filesToJson(const std::vector<FileRecord> &Files) {
  OrderedJson List = OrderedJson::array();
  for (const FileRecord &F : Files)
    List.push_back(OrderedJson{{"name", F.Name}, {"bytes", F.Bytes}, {"hash", F.Hash}});
  return List;
}

static constexpr const char *RoleNames[] = {"ids",     "mask",   "positions", "past",
                                            "ignored", "logits", "present"};

static bool isCached(const OnnxValue &V) {
  return V.Role == OnnxRole::Past || V.Role == OnnxRole::Present;
}

static OrderedJson onnxValueToJson(const OnnxValue &V) {
  OrderedJson J{{"name", V.Name},
                {"type", dataTypeName(V.Type)},
                {"role", RoleNames[static_cast<int>(V.Role)]}};
  if (V.Role == OnnxRole::Ignored)
    J["shape"] = V.Shape;
  if (!isCached(V))
    return J;
  const CacheLayout &L = V.Layout;
  J["state"] = V.State;
  J["heads_first"] = V.HeadsFirst;
  J["layout"] =
      OrderedJson{{"heads", L.Heads}, {"head_size", L.HeadSize},   {"capacity", L.Capacity},
                  {"head", L.Head},   {"block_size", L.BlockSize}, {"block", L.Block},
                  {"lane", L.Lane},   {"channel", L.Channel}};
  return J;
}

static OrderedJson onnxToJson(const OnnxEntry &Entry) {
  OrderedJson Inputs = OrderedJson::array(), Outputs = OrderedJson::array();
  for (const OnnxValue &V : Entry.Inputs)
    Inputs.push_back(onnxValueToJson(V));
  for (const OnnxValue &V : Entry.Outputs)
    Outputs.push_back(onnxValueToJson(V));
  return OrderedJson{{"inputs", Inputs}, {"outputs", Outputs}};
}

std::string printManifest(const Manifest &M) {
  OrderedJson J;
  J["schema"] = Schema;
  J["name"] = M.Name;
  J["kind"] = M.Kind == ProgramKind::Decoder ? "decoder" : "graph";
  J["target"] = M.Target;
  J["compiler"] = M.Compiler;
  J["limits"] = OrderedJson{{"context", M.Context}, {"batch", M.Batch}, {"chunk", M.Chunk}};
  J["vocabulary"] = M.Vocabulary;
  J["signature"] =
      OrderedJson{{"inputs", signatureToJson(M.Inputs)}, {"outputs", signatureToJson(M.Outputs)}};
  J["float_type"] = M.FloatType;
  OrderedJson Weights = OrderedJson::array();
  for (const WeightRecord &W : M.Weights)
    Weights.push_back(weightToJson(W));
  J["weights"] = Weights;
  if (M.Kv)
    J["kv"] = OrderedJson{
        {"key", M.Kv->Key}, {"value", M.Kv->Value}, {"bytes_per_token", M.Kv->BytesPerToken}};
  if (M.Onnx)
    J["onnx"] = onnxToJson(*M.Onnx);
  J["bytes"] = pairsToJson(M.Bytes);
  J["hashes"] = pairsToJson(M.Hashes);
  J["files"] = filesToJson(M.Files);
  return printJson(J);
}

static ProgramKind kindEntry(const JsonView &View) {
  std::string Kind = View.string();
  if (Kind != "decoder" && Kind != "graph")
    View.fail("unknown kind \"" + Kind + "\"");
  return Kind == "graph" ? ProgramKind::Graph : ProgramKind::Decoder;
}

static void limitsEntry(const JsonView &View, Manifest &M) {
  M.Context = View.member("context").integer(0, INT64_MAX);
  M.Batch = View.member("batch").integer(1, INT32_MAX);
  M.Chunk = View.member("chunk").integer(1, INT32_MAX);
}

static std::vector<SignatureValue> signatureEntry(const JsonView &View) {
  std::vector<SignatureValue> Values;
  View.forEach([&](const JsonView &Entry) {
    Values.push_back({Entry.member("name").string(), Entry.member("type").dataType(),
                      Entry.member("shape").strings()});
  });
  return Values;
}

static WeightRecord weightEntry(const JsonView &View) {
  WeightRecord W;
  W.Name = View.member("name").string();
  View.member("shape").forEach(
      [&](const JsonView &Dimension) { W.Shape.push_back(Dimension.integer(0, INT64_MAX)); });
  W.Stored = View.member("stored").string();
  W.Group = View.member("group").integer(0, INT64_MAX);
  W.Symmetric = View.member("symmetric").boolean();
  W.ScaleType = View.member("scale").string();
  W.Scheme = View.member("scheme").string();
  W.Reason = View.member("reason").string();
  W.Bytes = View.member("bytes").integer(0, INT64_MAX);
  W.Matrix = View.member("matrix").boolean();
  W.Source = View.member("source").strings();
  return W;
}

static OnnxRole roleEntry(const JsonView &View) {
  std::string Name = View.string();
  for (size_t I = 0; I < std::size(RoleNames); ++I)
    if (Name == RoleNames[I])
      return static_cast<OnnxRole>(I);
  View.fail("unknown role \"" + Name + "\"");
  return OnnxRole::Ignored;
}

static CacheLayout layoutEntry(const JsonView &View) {
  auto Read = [&](const char *Key, int64_t Least) {
    return View.member(Key).integer(Least, INT32_MAX);
  };
  CacheLayout L;
  L.Heads = Read("heads", 1);
  L.HeadSize = Read("head_size", 1);
  L.Capacity = Read("capacity", 1);
  L.Head = View.member("head").integer(1, INT64_MAX >> 24);
  L.BlockSize = Read("block_size", 1);
  L.Block = Read("block", 1);
  L.Lane = Read("lane", 0);
  L.Channel = Read("channel", 1);
  return L;
}

static OnnxValue onnxValueEntry(const JsonView &View) {
  OnnxValue V;
  V.Name = View.member("name").string();
  V.Type = View.member("type").dataType();
  V.Role = roleEntry(View.member("role"));
  if (V.Role == OnnxRole::Ignored)
    View.member("shape").forEach(
        [&](const JsonView &Size) { V.Shape.push_back(Size.integer(-1, INT64_MAX)); });
  if (!isCached(V))
    return V;
  V.State = View.member("state").string();
  V.HeadsFirst = View.member("heads_first").boolean();
  V.Layout = layoutEntry(View.member("layout"));
  return V;
}

static OnnxEntry onnxEntry(const JsonView &View) {
  OnnxEntry Entry;
  View.member("inputs").forEach(
      [&](const JsonView &V) { Entry.Inputs.push_back(onnxValueEntry(V)); });
  View.member("outputs").forEach(
      [&](const JsonView &V) { Entry.Outputs.push_back(onnxValueEntry(V)); });
  return Entry;
}

static void pairEntries(const JsonView &View, Manifest &M) {
  for (const auto &Item : View.member("bytes").json().items())
    M.Bytes.emplace_back(Item.key(),
                         View.member("bytes").member(Item.key().c_str()).integer(0, INT64_MAX));
  for (const auto &Item : View.member("hashes").json().items())
    M.Hashes.emplace_back(Item.key(), View.member("hashes").member(Item.key().c_str()).string());
}

static void filesEntry(const JsonView &View, Manifest &M) {
  View.forEach([&](const JsonView &Entry) {
    M.Files.push_back({Entry.member("name").string(), Entry.member("bytes").integer(0, INT64_MAX),
                       Entry.member("hash").string()});
  });
}

Result<Manifest> parseManifest(std::string_view Text, const std::string &Name) {
  Result<nlohmann::json> Json = parseJson(Text, Name);
  if (!Json)
    return Json.status();
  Status Error;
  JsonView View(*Json, Name, Error);
  Manifest M;
  checkSchema(View);
  M.Name = View.member("name").string();
  M.Kind = kindEntry(View.member("kind"));
  M.Target = View.member("target").string();
  M.Compiler = View.member("compiler").string();
  limitsEntry(View.member("limits"), M);
  M.Vocabulary = View.member("vocabulary").integer(0, INT64_MAX);
  M.Inputs = signatureEntry(View.member("signature").member("inputs"));
  M.Outputs = signatureEntry(View.member("signature").member("outputs"));
  M.FloatType = View.member("float_type").string();
  View.member("weights").forEach(
      [&](const JsonView &Entry) { M.Weights.push_back(weightEntry(Entry)); });
  if (View.has("kv")) {
    JsonView Kv = View.member("kv");
    M.Kv = KvRecord{Kv.member("key").string(), Kv.member("value").string(),
                    Kv.member("bytes_per_token").integer(0, INT64_MAX)};
  }
  if (View.has("onnx"))
    M.Onnx = onnxEntry(View.member("onnx"));
  pairEntries(View, M);
  filesEntry(View.member("files"), M);
  if (!Error.ok())
    return Error;
  return M;
}

} // namespace qopt

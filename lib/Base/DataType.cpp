#include "qopt/Base/DataType.h"

#include "qopt/Base/NumberFormats.h"

#include <cstring>
#include <limits>

namespace qopt {

namespace {
struct Row {
  DataType Type;
  std::string_view Name;
  int Size;
};
constexpr Row Rows[] = {
    {DataType::F64, "f64", 8},   {DataType::F32, "f32", 4}, {DataType::F16, "f16", 2},
    {DataType::BF16, "bf16", 2}, {DataType::I64, "i64", 8}, {DataType::I32, "i32", 4},
    {DataType::I16, "i16", 2},   {DataType::I8, "i8", 1},   {DataType::U64, "u64", 8},
    {DataType::U32, "u32", 4},   {DataType::U16, "u16", 2}, {DataType::U8, "u8", 1},
    {DataType::Bool, "bool", 1},
};

template <typename T> T load(const void *Data, int64_t Index) {
  T Value;
  std::memcpy(&Value, static_cast<const char *>(Data) + Index * int64_t(sizeof(T)), sizeof(T));
  return Value;
}

template <typename T> void store(T Value, void *Data, int64_t Index) {
  std::memcpy(static_cast<char *>(Data) + Index * int64_t(sizeof(T)), &Value, sizeof(T));
}
} // namespace

std::string_view dataTypeName(DataType Type) { return Rows[static_cast<int>(Type)].Name; }

std::optional<DataType> dataTypeFromName(std::string_view Name) {
  for (const Row &R : Rows)
    if (R.Name == Name)
      return R.Type;
  return std::nullopt;
}

int64_t dataTypeSize(DataType Type) { return Rows[static_cast<int>(Type)].Size; }

bool isInteger(DataType Type) { return Type >= DataType::I64 && Type <= DataType::U8; }

bool isFloat(DataType Type) { return Type <= DataType::BF16; }

int64_t loadInteger(DataType Type, const void *Data, int64_t Index) {
  switch (Type) {
  case DataType::I64:
    return load<int64_t>(Data, Index);
  case DataType::I32:
    return load<int32_t>(Data, Index);
  case DataType::I16:
    return load<int16_t>(Data, Index);
  case DataType::I8:
    return load<int8_t>(Data, Index);
  case DataType::U64: {
    constexpr uint64_t Most = std::numeric_limits<int64_t>::max();
    uint64_t Value = load<uint64_t>(Data, Index);
    return static_cast<int64_t>(Value < Most ? Value : Most);
  }
  case DataType::U32:
    return load<uint32_t>(Data, Index);
  case DataType::U16:
    return load<uint16_t>(Data, Index);
  case DataType::U8:
  case DataType::Bool:
    return load<uint8_t>(Data, Index);
  case DataType::F64:
  case DataType::F32:
  case DataType::F16:
  case DataType::BF16:
    break;
  }
  return 0;
}

double loadNumber(DataType Type, const void *Data, int64_t Index) {
  switch (Type) {
  case DataType::F64:
    return load<double>(Data, Index);
  case DataType::F32:
    return load<float>(Data, Index);
  case DataType::F16:
    return floatFromHalf(load<uint16_t>(Data, Index));
  case DataType::BF16:
    return floatFromBfloat(load<uint16_t>(Data, Index));
  default:
    return static_cast<double>(loadInteger(Type, Data, Index));
  }
}

void storeNumber(DataType Type, double Value, void *Data, int64_t Index) {
  switch (Type) {
  case DataType::F64:
    return store(Value, Data, Index);
  case DataType::F32:
    return store(static_cast<float>(Value), Data, Index);
  case DataType::F16:
    return store(halfFromFloat(static_cast<float>(Value)), Data, Index);
  case DataType::BF16:
    return store(bfloatFromFloat(static_cast<float>(Value)), Data, Index);
  default:
    return storeInteger(Type, static_cast<int64_t>(Value), Data, Index);
  }
}

void storeInteger(DataType Type, int64_t Value, void *Data, int64_t Index) {
  switch (dataTypeSize(Type)) {
  case 8:
    return store(Value, Data, Index);
  case 4:
    return store(static_cast<int32_t>(Value), Data, Index);
  case 2:
    return store(static_cast<int16_t>(Value), Data, Index);
  default:
    return store(static_cast<int8_t>(Value), Data, Index);
  }
}

} // namespace qopt

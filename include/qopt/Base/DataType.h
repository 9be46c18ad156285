// Element types of the tensors that cross the runtime's border, and of .npy and safetensors files.
#ifndef QOPT_BASE_DATATYPE_H
#define QOPT_BASE_DATATYPE_H

#include <cstdint>
#include <optional>
#include <string_view>

namespace qopt {

enum class DataType : int { F64, F32, F16, BF16, I64, I32, I16, I8, U64, U32, U16, U8, Bool };

/// "f32", "i64", "bool"…
std::string_view dataTypeName(DataType Type);
std::optional<DataType> dataTypeFromName(std::string_view Name);

/// Bytes of one element.
int64_t dataTypeSize(DataType Type);
/// Signed and unsigned integers; not bool.
bool isInteger(DataType Type);
bool isFloat(DataType Type);

/// Element Index of an integer tensor, as int64_t. A u64 beyond int64_t gives its maximum.
int64_t loadInteger(DataType Type, const void *Data, int64_t Index);

/// Element Index of a tensor of any type, as a double.
double loadNumber(DataType Type, const void *Data, int64_t Index);
/// Writes element Index: rounded to f32 and then to the type, or cut to an integer's width.
void storeNumber(DataType Type, double Value, void *Data, int64_t Index);
void storeInteger(DataType Type, int64_t Value, void *Data, int64_t Index);

} // namespace qopt

#endif

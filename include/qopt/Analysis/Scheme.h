//===- Scheme.h - how codes are computed ------------------------------------------------------===//
//
// A scheme turns rows of a weight into codes, scales and zero points of a stored type. Each scheme
// is one file of lib/Schemes; nothing includes it. The registry is explicit.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_ANALYSIS_SCHEME_H
#define QOPT_ANALYSIS_SCHEME_H

#include "QOpt/QOpt.h"

#include <memory>
#include <vector>

namespace qopt {

/// Rows of a weight as the stored type holds them. Codes are in the type's own range, those that
/// are floats as bits; scales are already rounded to the scale type. A row has ceil(columns /
/// group) groups, the last one perhaps shorter.
struct QuantizedRows {
  int64_t Rows = 0, Columns = 0, Groups = 0;
  std::vector<int16_t> Codes; // [Rows][Columns]
  std::vector<float> Scales;  // [Rows][Groups]
  std::vector<float>
      ZeroPoints; // [Rows][Groups], empty where the type has none; codes, or any floats

  /// Sets the shape for rows of a stored type and clears the contents.
  void reset(StoredTypeInterface Type, int64_t Rows, int64_t Columns);
  /// The value that an element reads as.
  float read(StoredTypeInterface Type, int64_t Row, int64_t Column) const;
};

class Scheme {
public:
  virtual ~Scheme() = default;
  virtual llvm::StringRef getName() const = 0;
  /// Quantizes `Rows` rows of `Columns` f32 values (row-major). Rows do not depend on each other,
  /// so a weight can be streamed. Safe to call from several threads.
  virtual void quantizeRows(StoredTypeInterface Type, const float *Values, int64_t Rows,
                            int64_t Columns, QuantizedRows &Result) const = 0;
};

class SchemeRegistry {
public:
  void add(std::unique_ptr<Scheme> New) { Schemes.push_back(std::move(New)); }
  /// Null where no scheme has this name.
  const Scheme *find(llvm::StringRef Name) const;
  std::vector<llvm::StringRef> getNames() const;

private:
  std::vector<std::unique_ptr<Scheme>> Schemes;
};

/// All schemes of lib/Schemes.
void registerAllSchemes(SchemeRegistry &Registry);

/// A value rounded to a scale type (f32, f16 or bf16).
float roundToScaleType(mlir::FloatType Type, float Value);

} // namespace qopt

#endif // QOPT_ANALYSIS_SCHEME_H

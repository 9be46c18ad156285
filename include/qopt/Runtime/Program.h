// A loaded artefact, shared by its sessions.
#ifndef QOPT_RUNTIME_PROGRAM_H
#define QOPT_RUNTIME_PROGRAM_H

#include "qopt/Runtime/Device.h"
#include "qopt/Runtime/Signature.h"

#include <memory>
#include <vector>

namespace qopt::runtime {

class Program {
public:
  /// Errors: those of openArtefact and of the device; ResourceLimit for tables too large.
  static Result<std::shared_ptr<Program>> load(const std::string &Path,
                                               const DeviceOptions &Options,
                                               const DeviceFactory &Factory = createDevice);

  const Artefact &artefact() const { return Contents; }
  const artefact::Manifest &manifest() const { return Contents.Manifest; }
  const artefact::Program &table() const { return Contents.Program; }
  const std::string &manifestText() const { return Contents.ManifestText; }
  int64_t weightBytes() const { return static_cast<int64_t>(Contents.Weights.size()); }
  int64_t tableBytes() const;
  Device &device() const { return *Machine; }

  /// Buffer indices in the order of the file.
  const std::vector<int64_t> &inputs() const { return Inputs; }
  const std::vector<int64_t> &outputs() const { return Outputs; }
  const std::vector<int64_t> &states() const { return States; }

  /// What qopt_session_run takes and gives; empty for a decoder without the file's signature.
  const Signature &signature() const { return Values; }

  /// Per buffer: the address of a weight or rotary table, else nullptr.
  const std::vector<void *> &constants() const { return Constants; }

private:
  Program() = default;
  Status importConstants();

  Artefact Contents;
  std::vector<std::vector<float>> Tables;
  std::unique_ptr<Device> Machine; ///< after what it refers to, so that it goes first
  std::vector<int64_t> Inputs, Outputs, States;
  Signature Values;
  std::vector<void *> Constants;
};

} // namespace qopt::runtime

#endif

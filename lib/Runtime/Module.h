// The artefact's own machine code.
#ifndef QOPT_LIB_RUNTIME_MODULE_H
#define QOPT_LIB_RUNTIME_MODULE_H

#include "qopt/Base/Status.h"

#include <cstdint>
#include <string>

namespace qopt::runtime {

/// See docs/Artefact.md.
using KernelFunction = void (*)(int64_t Begin, int64_t End, void *const *Buffers,
                                const int64_t *Symbols, void *Scratch);

class Module {
public:
  Module() = default;
  ~Module();
  Module(Module &&Other) noexcept;
  Module &operator=(Module &&Other) noexcept;

  /// Loads a shared object that is a regular file at Path itself and needs no other library.
  /// Errors: BadInput.
  static Result<Module> open(const std::string &Path);

  /// Errors: BadInput if there is no such function.
  Result<KernelFunction> find(const std::string &Symbol) const;

private:
  std::string Path;
  void *Handle = nullptr;
};

/// Whether the bytes are a complete x86-64 or AArch64 ELF shared object, for this machine, that
/// names no other library to load. Errors: BadInput; Unsupported for another machine.
Status checkSharedObject(const std::string &Path);

} // namespace qopt::runtime

#endif

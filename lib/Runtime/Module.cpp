#include "Module.h"

#include <dlfcn.h>
#include <utility>

namespace qopt::runtime {

Module::~Module() {
  if (Handle)
    dlclose(Handle);
}

Module::Module(Module &&Other) noexcept { *this = std::move(Other); }

Module &Module::operator=(Module &&Other) noexcept {
  std::swap(Path, Other.Path);
  std::swap(Handle, Other.Handle);
  return *this;
}

static std::string loaderMessage() {
  const char *Message = dlerror();
  return Message ? Message : "unknown reason";
}

Result<Module> Module::open(const std::string &Path) {
  if (Status S = checkSharedObject(Path); !S.ok())
    return S;
  Module M;
  M.Path = Path;
  M.Handle = dlopen(Path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!M.Handle)
    return makeError(StatusCode::BadInput, Path, ": cannot be loaded: ", loaderMessage());
  return M;
}

Result<KernelFunction> Module::find(const std::string &Symbol) const {
  void *Address = dlsym(Handle, Symbol.c_str());
  if (!Address)
    return makeError(StatusCode::BadInput, Path, ": has no kernel \"", Symbol, "\"");
  return reinterpret_cast<KernelFunction>(Address);
}

} // namespace qopt::runtime

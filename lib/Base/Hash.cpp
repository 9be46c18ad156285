#include "qopt/Base/Hash.h"

#include <new>
#include <xxhash.h>

namespace qopt {

struct Hasher::State {
  XXH3_state_t *Handle = XXH3_createState();
  ~State() { XXH3_freeState(Handle); }
};

uint64_t hashBytes(const void *Data, size_t Size) { return XXH3_64bits(Data, Size); }

Hasher::Hasher() : Impl(std::make_unique<State>()) {
  if (!Impl->Handle)
    throw std::bad_alloc();
  XXH3_64bits_reset(Impl->Handle);
}
Hasher::~Hasher() = default;
Hasher::Hasher(Hasher &&) noexcept = default;
Hasher &Hasher::operator=(Hasher &&) noexcept = default;

void Hasher::update(const void *Data, size_t Size) {
  if (Size != 0)
    XXH3_64bits_update(Impl->Handle, Data, Size);
}

uint64_t Hasher::digest() const { return XXH3_64bits_digest(Impl->Handle); }

std::string formatHash(uint64_t Hash) {
  static const char Digits[] = "0123456789abcdef";
  std::string Text = "xxh3:";
  for (int Shift = 60; Shift >= 0; Shift -= 4)
    Text += Digits[(Hash >> Shift) & 15];
  return Text;
}

} // namespace qopt

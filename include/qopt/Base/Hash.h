// Content hashes: XXH3, 64 bits. They detect damage and name contents; they are no protection
// against someone who wants two contents to collide.
#ifndef QOPT_BASE_HASH_H
#define QOPT_BASE_HASH_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace qopt {

/// The hash of contiguous bytes.
uint64_t hashBytes(const void *Data, size_t Size);
inline uint64_t hashBytes(std::string_view Text) { return hashBytes(Text.data(), Text.size()); }

/// The hash of bytes that arrive in pieces; how they are cut makes no difference.
class Hasher {
public:
  Hasher();
  ~Hasher();
  Hasher(Hasher &&) noexcept;
  Hasher &operator=(Hasher &&) noexcept;

  void update(const void *Data, size_t Size);
  void update(std::string_view Text) { update(Text.data(), Text.size()); }
  /// The hash of everything so far; more may follow.
  uint64_t digest() const;

private:
  struct State;
  std::unique_ptr<State> Impl;
};

/// "xxh3:" and 16 lower-case hexadecimal digits, as manifests store hashes.
std::string formatHash(uint64_t Hash);

} // namespace qopt

#endif

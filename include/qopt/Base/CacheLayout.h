// How keys and values lie in the memory of a session.
#ifndef QOPT_BASE_CACHELAYOUT_H
#define QOPT_BASE_CACHELAYOUT_H

#include <cstdint>

namespace qopt::artefact {

/// Where the elements of one side of a cache lie in a row's state, counted in elements.
struct CacheLayout {
  int64_t Heads = 0, HeadSize = 0, Capacity = 0;
  int64_t Head = 0; ///< from one head to the next, which lies behind it
  /// Positions in blocks: from block to block, and from position to position within one.
  int64_t BlockSize = 1, Block = 0, Lane = 0;
  int64_t Channel = 0;

  int64_t element(int64_t Position, int64_t HeadNumber, int64_t ChannelNumber) const {
    return HeadNumber * Head + Position / BlockSize * Block + Position % BlockSize * Lane +
           ChannelNumber * Channel;
  }
};

} // namespace qopt::artefact

#endif

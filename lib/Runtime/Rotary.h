// Rotary embedding tables.
#ifndef QOPT_LIB_RUNTIME_ROTARY_H
#define QOPT_LIB_RUNTIME_ROTARY_H

#include "qopt/Base/ArtefactFormat.h"

#include <vector>

namespace qopt::runtime {

/// f32 [positions][2][frequencies]: for each position the cosines, then the sines, of
/// position * frequency, times the scale; computed in f64 and rounded once.
std::vector<float> rotaryTable(const artefact::Buffer &Buffer);

} // namespace qopt::runtime

#endif

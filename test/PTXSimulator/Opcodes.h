// The families of instructions; each file adds its opcodes to the table.
#ifndef QOPT_PTXSIMULATOR_OPCODES_H
#define QOPT_PTXSIMULATOR_OPCODES_H

#include "Decoder.h"

namespace qopt::ptxsim {

void addIntegerOpcodes(OpcodeTable &Table);
void addBitOpcodes(OpcodeTable &Table);
void addArithmeticOpcodes(OpcodeTable &Table);
void addFunctionOpcodes(OpcodeTable &Table);
void addPredicateOpcodes(OpcodeTable &Table);
void addMoveOpcodes(OpcodeTable &Table);
void addConvertOpcodes(OpcodeTable &Table);
void addLoadStoreOpcodes(OpcodeTable &Table);
void addAtomicOpcodes(OpcodeTable &Table);
void addControlOpcodes(OpcodeTable &Table);
void addWarpOpcodes(OpcodeTable &Table);
void addMatrixOpcodes(OpcodeTable &Table);
void addMatrixMoveOpcodes(OpcodeTable &Table);
void addCopyOpcodes(OpcodeTable &Table);
void addMbarrierOpcodes(OpcodeTable &Table);
void addWgmmaOpcodes(OpcodeTable &Table);
void addRegisterPoolOpcodes(OpcodeTable &Table);

} // namespace qopt::ptxsim

#endif

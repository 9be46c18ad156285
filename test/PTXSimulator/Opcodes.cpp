#include "Opcodes.h"

namespace qopt::ptxsim {

static OpcodeTable makeTable() {
  OpcodeTable Table;
  addIntegerOpcodes(Table);
  addBitOpcodes(Table);
  addArithmeticOpcodes(Table);
  addFunctionOpcodes(Table);
  addPredicateOpcodes(Table);
  addMoveOpcodes(Table);
  addConvertOpcodes(Table);
  addLoadStoreOpcodes(Table);
  addAtomicOpcodes(Table);
  addControlOpcodes(Table);
  addWarpOpcodes(Table);
  addMatrixOpcodes(Table);
  addMatrixMoveOpcodes(Table);
  addCopyOpcodes(Table);
  addMbarrierOpcodes(Table);
  addWgmmaOpcodes(Table);
  addRegisterPoolOpcodes(Table);
  return Table;
}

const OpcodeTable &opcodeTable() {
  static const OpcodeTable Table = makeTable();
  return Table;
}

} // namespace qopt::ptxsim

#include "Scanner.h"

#include <cctype>
#include <cstdlib>
#include <cstring>

namespace qopt::ptxsim {

void Scanner::fail(StatusCode Code, const std::string &Message) {
  if (Error.ok())
    Error = makeError(Code, "PTX line ", Line, ": ", Message);
  Position = Text.size();
}

void Scanner::skipSpace() {
  while (Position < Text.size()) {
    char C = Text[Position];
    if (C == '\n') {
      ++Line;
      ++Position;
    } else if (std::isspace(static_cast<unsigned char>(C)) || C == '\0') {
      ++Position;
    } else if (C == '/' && Position + 1 < Text.size() && Text[Position + 1] == '/') {
      skipLine();
    } else if (C == '/' && Position + 1 < Text.size() && Text[Position + 1] == '*') {
      size_t End = Text.find("*/", Position + 2);
      if (End == std::string_view::npos)
        return fail(StatusCode::BadInput, "a comment has no end");
      for (; Position < End + 2; ++Position)
        Line += Text[Position] == '\n';
    } else {
      return;
    }
  }
}

void Scanner::skipLine() {
  while (Position < Text.size() && Text[Position] != '\n')
    ++Position;
}

char Scanner::peek() {
  skipSpace();
  return Position < Text.size() ? Text[Position] : 0;
}

bool Scanner::accept(char C) {
  if (peek() != C)
    return false;
  ++Position;
  return true;
}

void Scanner::expect(char C) {
  if (accept(C) || failed())
    return;
  std::string Found = Position < Text.size() ? std::string(1, Text[Position]) : "the end";
  fail(StatusCode::BadInput, std::string("expected '") + C + "', found '" + Found + "'");
}

static bool isNameCharacter(char C) {
  return std::isalnum(static_cast<unsigned char>(C)) || C == '_' || C == '$' || C == '%';
}

std::string_view Scanner::word() {
  peek();
  size_t Start = Position;
  while (Position < Text.size()) {
    if (isNameCharacter(Text[Position]) || Text[Position] == '.')
      ++Position;
    else if (Text.substr(Position, 2) == "::" && Position > Start)
      Position += 2;
    else
      break;
  }
  return Text.substr(Start, Position - Start);
}

std::string_view Scanner::name() {
  peek();
  size_t Start = Position;
  while (Position < Text.size() && isNameCharacter(Text[Position]))
    ++Position;
  return Text.substr(Start, Position - Start);
}

bool Scanner::acceptLabelColon() {
  if (peek() != ':' || Text.substr(Position, 2) == "::")
    return false;
  ++Position;
  return true;
}

void Scanner::skipPast(char C) {
  while (peek() && Text[Position] != C)
    ++Position;
  expect(C);
}

void Scanner::skipBlock() {
  expect('{');
  for (int Depth = 1; Depth && !failed();) {
    char C = peek();
    if (!C)
      return fail(StatusCode::BadInput, "a block has no end");
    Depth += C == '{' ? 1 : C == '}' ? -1 : 0;
    ++Position;
  }
}

std::string_view Scanner::string() {
  expect('"');
  size_t End = Text.find('"', Position);
  if (End == std::string_view::npos) {
    fail(StatusCode::BadInput, "a string has no end");
    return {};
  }
  std::string_view Value = Text.substr(Position, End - Position);
  Position = End + 1;
  return Value;
}

Operand Scanner::hexFloat(bool Double) {
  Operand Result;
  Result.Form = Double ? Operand::Kind::Float64 : Operand::Kind::Float32;
  std::string Digits(name().substr(2));
  char *End = nullptr;
  Result.Value = std::strtoull(Digits.c_str(), &End, 16);
  if (Digits.size() != (Double ? 16u : 8u) || *End)
    fail(StatusCode::BadInput, "a hexadecimal float has 8 or 16 digits: " + Digits);
  return Result;
}

Operand Scanner::number() {
  bool Negative = accept('-');
  peek();
  Operand Result;
  std::string_view Start = Text.substr(Position, 2);
  if (Start == "0f" || Start == "0F" || Start == "0d" || Start == "0D") {
    bool Double = Start[1] == 'd' || Start[1] == 'D';
    Result = hexFloat(Double);
    if (Negative)
      Result.Value ^= uint64_t(1) << (Double ? 63 : 31);
    return Result;
  }
  bool Hex = Start == "0x" || Start == "0X";
  size_t From = Position;
  bool Real = false;
  while (Position < Text.size()) {
    char C = Text[Position];
    bool Exponent = !Hex && (C == 'e' || C == 'E');
    Real |= C == '.' || Exponent;
    if (!std::isalnum(static_cast<unsigned char>(C)) && C != '.')
      break;
    ++Position;
    if (Exponent && Position < Text.size() && (Text[Position] == '-' || Text[Position] == '+'))
      ++Position;
  }
  std::string Digits(Text.substr(From, Position - From));
  char *End = nullptr;
  if (Real) {
    double Value = std::strtod(Digits.c_str(), &End);
    Value = Negative ? -Value : Value;
    Result.Form = Operand::Kind::Float64;
    std::memcpy(&Result.Value, &Value, sizeof(Value));
  } else {
    bool Binary = Start == "0b" || Start == "0B";
    Result.Form = Operand::Kind::Integer;
    Result.Value = std::strtoull(Digits.c_str() + (Binary ? 2 : 0), &End, Binary ? 2 : 0);
    if (*End == 'U')
      ++End;
    if (Negative)
      Result.Value = -Result.Value;
  }
  if (Digits.empty() || *End)
    fail(StatusCode::BadInput, "not a number: " + Digits);
  return Result;
}

uint64_t Scanner::integer() {
  Operand Number = number();
  if (Number.Form != Operand::Kind::Integer)
    fail(StatusCode::BadInput, "expected an integer");
  return Number.Value;
}

} // namespace qopt::ptxsim

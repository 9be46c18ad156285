#include "Pattern.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;
using namespace qopt::test;

static bool isWordCharacter(char C) { return isAlnum(C) || StringRef("_.%$@!#*-").contains(C); }

std::vector<StringRef> qopt::test::tokenize(StringRef Ptx) {
  std::vector<StringRef> Tokens;
  while (!(Ptx = Ptx.ltrim()).empty()) {
    if (Ptx.starts_with("//")) {
      Ptx = Ptx.drop_until([](char C) { return C == '\n'; });
      continue;
    }
    size_t Size = std::max<size_t>(1, Ptx.take_while(isWordCharacter).size());
    Tokens.push_back(Ptx.take_front(Size));
    Ptx = Ptx.drop_front(Size);
  }
  return Tokens;
}

/// Length of the name at the begin of `Text`.
static size_t nameSize(StringRef Text) { return Text.take_while(isAlnum).size(); }

static bool bind(Site &Match, StringRef Name, StringRef Text) {
  if (Name.empty()) // "*"
    return true;
  auto [At, IsNew] = Match.Names.try_emplace(Name, Text.str());
  return IsNew || At->second == Text;
}

/// One word of a pattern against one of the text: literal parts, and wildcards up to the next
/// literal part.
static bool matchWord(StringRef Wanted, StringRef Word, Site &Match) {
  while (!Wanted.empty()) {
    size_t Literal = std::min(Wanted.size(), Wanted.find_first_of("$#*"));
    if (!Word.consume_front(Wanted.take_front(Literal)))
      return false;
    Wanted = Wanted.drop_front(Literal);
    if (Wanted.empty())
      break;
    char Kind = Wanted.front();
    size_t Size = Kind == '*' ? 0 : nameSize(Wanted.drop_front());
    StringRef Name = Wanted.substr(1, Size);
    Wanted = Wanted.drop_front(1 + Size);
    StringRef Next = Wanted.take_until([](char C) { return StringRef("$#*").contains(C); });
    StringRef Taken = Next.empty() ? Word : Word.take_front(Word.find(Next));
    int64_t Number;
    if (Taken.empty() || (Kind == '#' && Taken.getAsInteger(10, Number)) ||
        !bind(Match, Name, Taken))
      return false;
    Word = Word.drop_front(Taken.size());
  }
  return Word.empty();
}

/// Sets the end of the match behind the last token.
static bool matchTokens(ArrayRef<StringRef> Wanted, ArrayRef<StringRef> Tokens, Site &Match,
                        StringRef Ptx) {
  for (; !Wanted.empty(); Wanted = Wanted.drop_front(), Tokens = Tokens.drop_front()) {
    if (Wanted.front() == "...") {
      for (size_t Skip = 0; Skip < Tokens.size(); ++Skip) {
        Site Trial = Match;
        const char *From = Tokens.front().begin(), *To = Tokens[Skip].begin();
        Trial.Skipped.push_back(std::string(From, To));
        if (!matchTokens(Wanted.drop_front(), Tokens.drop_front(Skip), Trial, Ptx))
          continue;
        Match = std::move(Trial);
        return true;
      }
      return false;
    }
    if (Tokens.empty() || !matchWord(Wanted.front(), Tokens.front(), Match))
      return false;
    Match.End = Tokens.front().end() - Ptx.begin();
  }
  return true;
}

std::vector<Site> Pattern::find(StringRef Ptx) const {
  std::vector<StringRef> Wanted = tokenize(Text), Tokens = tokenize(Ptx);
  std::vector<Site> Sites;
  for (size_t I = 0; I < Tokens.size(); ++I) {
    Site Match;
    Match.Begin = Tokens[I].begin() - Ptx.begin();
    if (matchTokens(Wanted, ArrayRef<StringRef>(Tokens).drop_front(I), Match, Ptx))
      Sites.push_back(std::move(Match));
  }
  return Sites;
}

/// The number of "#name" with what is computed from it.
static std::string computeNumber(StringRef &Rest, StringRef Known) {
  int64_t Number = 0, Operand = 0;
  Known.getAsInteger(10, Number);
  char Operator = Rest.empty() ? ' ' : Rest.front();
  StringRef After = Rest.drop_front(Rest.empty() ? 0 : 1);
  if (StringRef("+-*").contains(Operator) && !After.consumeInteger(10, Operand)) {
    Number = Operator == '+'   ? Number + Operand
             : Operator == '-' ? Number - Operand
                               : Number * Operand;
    Rest = After;
  }
  return std::to_string(Number);
}

std::string qopt::test::expand(StringRef Rest, const Site &Site) {
  std::string Result;
  size_t Skipped = 0;
  while (!Rest.empty()) {
    if (Skipped < Site.Skipped.size() && Rest.consume_front("...")) {
      Result += Site.Skipped[Skipped++];
      continue;
    }
    char Kind = Rest.front();
    StringRef Name = Rest.substr(1, nameSize(Rest.drop_front()));
    auto Known = Site.Names.find(Name);
    if ((Kind != '$' && Kind != '#') || Known == Site.Names.end()) {
      Result += Kind;
      Rest = Rest.drop_front();
      continue;
    }
    Rest = Rest.drop_front(1 + Name.size());
    Result += Kind == '$' ? Known->second : computeNumber(Rest, Known->second);
  }
  return Result;
}

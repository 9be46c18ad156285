#include "qopt/Evaluate/LanguageModel.h"

#include "qopt/Runtime/Session.h"

#include <algorithm>
#include <chrono>

using namespace qopt;
using Clock = std::chrono::steady_clock;

static double median(std::vector<double> Values) {
  std::sort(Values.begin(), Values.end());
  return Values[Values.size() / 2];
}

static double secondsSince(Clock::time_point Begin) {
  return std::chrono::duration<double>(Clock::now() - Begin).count();
}

Result<SpeedReport> qopt::measureSpeed(std::shared_ptr<runtime::Program> Program, int64_t Prompt,
                                       int64_t Tokens) {
  int64_t Vocabulary = Program->manifest().Vocabulary, Context = Program->manifest().Context;
  Prompt = std::min(Prompt, std::max<int64_t>(1, Context / 2));
  Tokens = std::min(Tokens, Context - Prompt);
  auto Created = runtime::Session::create(std::move(Program), 1);
  if (!Created)
    return Created.status();
  runtime::Session &Session = **Created;
  std::vector<int64_t> Ids(Prompt);
  for (int64_t I = 0; I < Prompt; ++I)
    Ids[I] = (7 + 31 * I) % Vocabulary;
  std::vector<float> Logits(Vocabulary);
  auto Feed = [&](const int64_t *Data, int64_t Count) {
    runtime::DecodeRequest Request;
    Request.Ids = Data;
    Request.Batch = 1;
    Request.Tokens = Count;
    Request.LogitsWanted = 1;
    Request.Logits = Logits.data();
    return Session.decode(Request);
  };
  std::vector<double> Prefill, Decode;
  for (int Round = 0; Round < 3; ++Round) {
    if (Status Error = Session.reset(0); !Error.ok())
      return Error;
    auto Begin = Clock::now();
    if (Status Error = Feed(Ids.data(), Prompt); !Error.ok())
      return Error;
    Prefill.push_back(secondsSince(Begin));
    Begin = Clock::now();
    for (int64_t I = 0; I < Tokens; ++I) {
      int64_t Next = std::max_element(Logits.begin(), Logits.end()) - Logits.begin();
      if (Status Error = Feed(&Next, 1); !Error.ok())
        return Error;
    }
    Decode.push_back(secondsSince(Begin));
  }
  SpeedReport Result;
  Result.TimeToFirstToken = median(Prefill);
  Result.PrefillTokensPerSecond = double(Prompt) / median(Prefill);
  Result.DecodeTokensPerSecond = Tokens ? double(Tokens) / median(Decode) : 0;
  return Result;
}

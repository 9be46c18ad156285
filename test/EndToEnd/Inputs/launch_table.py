"""What program.json says about launches."""


def evaluate(expression, symbols):
    """An expression of program.json."""
    if isinstance(expression, int):
        return expression
    if isinstance(expression, str):
        return symbols[expression]
    operator, *operands = expression
    values = [evaluate(operand, symbols) for operand in operands]
    result = values[0]
    for value in values[1:]:
        result = {"+": result + value, "*": result * value, "min": min(result, value), "max": max(result, value),
                  "floordiv": result // value if value else 0, "ceildiv": -(-result // value) if value else 0,
                  "mod": result % value if value else 0}[operator]
    return result


def active(program, symbols):
    """The launches of a step with these values of the symbols."""
    def holds(guard):
        return guard["min"] <= evaluate(guard["value"], symbols) <= guard["max"]

    return [launch for launch in program["launches"] if all(holds(guard) for guard in launch.get("when", []))]

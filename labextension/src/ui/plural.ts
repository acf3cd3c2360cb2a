type Expression = (n: number) => number;
type Operator = (a: number, b: number) => number;

const OPERATORS: Record<string, Operator> = {
  '||': (a, b) => a || b,
  '&&': (a, b) => a && b,
  '==': (a, b) => Number(a === b),
  '!=': (a, b) => Number(a !== b),
  '<': (a, b) => Number(a < b),
  '>': (a, b) => Number(a > b),
  '<=': (a, b) => Number(a <= b),
  '>=': (a, b) => Number(a >= b),
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '%': (a, b) => a % b
};
/** From what binds least to what binds most. */
const LEVELS = [['||'], ['&&'], ['==', '!='], ['<', '>', '<=', '>='], ['+', '-'], ['*', '/', '%']];
const TOKEN = /\d+|n|&&|\|\||[=!<>]=|[<>%?:()!+*/-]/g;

/** Which form a number takes, by gettext's rule. A parser of its own, because our CSP forbids `new Function`. */
export function plural(pluralForms: string): Expression {
  const rule = /plural\s*=\s*([^;]+)/.exec(pluralForms)?.[1] ?? 'n != 1';
  return new Parser(rule.match(TOKEN) ?? []).ternary();
}

class Parser {
  private at = 0;

  constructor(private readonly tokens: readonly string[]) {}

  ternary(): Expression {
    const condition = this.level(0);
    if (this.tokens[this.at] !== '?') {
      return condition;
    }
    this.at += 1;
    const yes = this.ternary();
    this.at += 1;
    const no = this.ternary();
    return n => (condition(n) ? yes(n) : no(n));
  }

  private level(depth: number): Expression {
    if (depth === LEVELS.length) {
      return this.unary();
    }
    let left = this.level(depth + 1);
    while (LEVELS[depth].includes(this.tokens[this.at])) {
      left = combine(OPERATORS[this.tokens[this.at++]], left, this.level(depth + 1));
    }
    return left;
  }

  private unary(): Expression {
    const token = this.tokens[this.at++];
    if (token === '(') {
      const inner = this.ternary();
      this.at += 1;
      return inner;
    }
    if (token === '!') {
      const operand = this.unary();
      return n => Number(!operand(n));
    }
    return token === 'n' ? n => n : () => Number(token);
  }
}

const combine =
  (operator: Operator, left: Expression, right: Expression): Expression =>
  n =>
    operator(left(n), right(n));

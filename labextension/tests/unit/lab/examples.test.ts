import { expect, test } from 'vitest';
import { libraries } from '../../../src/lab/examples';

test('the known libraries that cells import are found, each once, in their order', () => {
  const cells = [
    'import os\nimport numpy as np\n',
    '%matplotlib inline\nfrom matplotlib import pyplot as plt',
    '  import numpy\nx = "import torch"\n# import pandas',
    'import my_pandas'
  ];
  expect(libraries(cells)).toEqual(['numpy', 'matplotlib']);
  expect(libraries([])).toEqual([]);
});

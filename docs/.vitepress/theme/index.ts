import type { Theme } from 'vitepress';
import DefaultTheme from 'vitepress/theme';
import Sequence from './Sequence.vue';
import './style.css';

export default {
  extends: DefaultTheme,
  enhanceApp({ app }) {
    app.component('Sequence', Sequence);
  },
} satisfies Theme;

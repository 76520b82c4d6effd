// Before the first paint: the page knows that JavaScript works, and nothing jumps afterwards.
document.documentElement.dataset.js = "";

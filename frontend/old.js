// Runs only where modules are unknown, so it is written in the oldest words.
(function () {
  var notice = document.getElementById('unsupported');
  var views = document.querySelectorAll('[data-view], #entry');
  if (notice) notice.removeAttribute('hidden');
  Array.prototype.forEach.call(views, function (view) { view.setAttribute('hidden', ''); });
}());
